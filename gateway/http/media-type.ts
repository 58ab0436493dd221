/**
 * Bodies are JSON and say so; batches may be newline-delimited JSON or MessagePack too. A missing `Content-Type` is refused too: a
 * web page may send such a request, or one with `text/plain`, to any address without being asked first, also to an Escapement on the
 * visitor's own machine.
 */
import type { BatchForm } from '../input/batch-forms.js';
import { type Refusal, refuse } from '../input/refusal.js';

const json = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

const mergePatch = /^application\/merge-patch\+json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const ndjson = /^application\/x-ndjson[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
const msgpack = /^application\/msgpack[ \t]*$/i;

export function refuseOtherThanJson(contentType: string | null): Refusal | null {
  // As nearly everybody writes it.
  if (contentType === 'application/json') return null;
  return contentType !== null && json.test(contentType) ? null : unsupported('application/json (UTF-8)', contentType);
}

/** Of a PATCH: RFC 7396 has a name of its own for what it sends. */
export function refuseOtherThanMergePatch(contentType: string | null): Refusal | null {
  const isMergePatch = contentType !== null && (json.test(contentType) || mergePatch.test(contentType));
  return isMergePatch ? null : unsupported('application/json or application/merge-patch+json (UTF-8)', contentType);
}

export function batchFormOf(contentType: string | null): BatchForm | Refusal {
  if (contentType !== null && json.test(contentType)) return 'json';
  if (contentType !== null && ndjson.test(contentType)) return 'ndjson';
  if (contentType !== null && msgpack.test(contentType)) return 'msgpack';
  return unsupported('application/json, application/x-ndjson (UTF-8) or application/msgpack', contentType);
}

function unsupported(expected: string, contentType: string | null): Refusal {
  const found = contentType === null ? 'no Content-Type' : 'another Content-Type';
  return refuse('unsupported-media-type', `expected ${expected}, found ${found}`);
}
