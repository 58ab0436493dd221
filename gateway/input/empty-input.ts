/** The body of a call that takes none: nothing, or the `{}` that some clients always send. A field in it is a typo. */
import { encodingOf } from './bytes/body-text.js';
import { pointerTo } from './pointer.js';
import { type Refusal, refuse, refuseFields } from './refusal.js';

export function refuseFieldsIn(body: Buffer): Refusal | null {
  if (body.length === 0) return null;
  const encoding = encodingOf(body);
  if (typeof encoding !== 'string') return encoding;
  let value: unknown;
  try {
    value = JSON.parse(body.toString(encoding));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse('malformed-json', 'the body is not JSON');
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuseFields([{ pointer: '', detail: 'must be an object without fields, or nothing' }]);
  }
  const names = Object.keys(value);
  return names.length === 0
    ? null
    : refuseFields(names.map((name) => ({ pointer: pointerTo(name), detail: 'is not a known field' })));
}
