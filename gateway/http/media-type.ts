/**
 * Bodies are JSON and say so. A missing `Content-Type` is refused too: a web page may send such a request, or one with
 * `text/plain`, to any address without being asked first, also to an Escapement on the visitor's own machine.
 */
import { type Refusal, refuse } from '../input/refusal.js';

const json = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

export function refuseOtherThanJson(contentType: string | null): Refusal | null {
  if (contentType !== null && json.test(contentType)) return null;
  const found = contentType === null ? 'no Content-Type' : 'another Content-Type';
  return refuse('unsupported-media-type', `expected application/json (UTF-8), found ${found}`);
}
