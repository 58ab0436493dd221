/**
 * Where a producer wants its answer: the `escapement-reply` header. Whoever may publish events may not thereby publish anywhere with the rights
 * of Escapement, so subjects of the server (`$JS.API.…` deletes streams) and our own are none.
 */
const form = /^[\x21-\x7e]{1,255}$/;

/** Null: no answer is wanted, or not there. */
export function readReplySubject(header: string | null): string | null {
  if (header === null || !form.test(header) || /[*>]/.test(header) || header.split('.').includes('')) return null;
  return header.startsWith('$') || header === 'escapement' || header.startsWith('escapement.') ? null : header;
}
