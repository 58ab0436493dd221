/** Tags: string pairs, kept in the order of their names, so that two requests with the same tags have the same content. */
import { type FieldError, tagsMax } from '../../../engine/index.js';
import { isLonger } from '../../characters.js';
import { tagNameCharsMax, tagValueCharsMax } from '../../limits.js';
import { pointerTo } from '../pointer.js';

const controlOrHalfPair = /\p{Cc}|\p{Surrogate}/u;

/** What is wrong is added to `errors`. A name such as `__proto__` is a name like any other: pairs, never an object's keys. */
export function readTags(given: object, errors: FieldError[]): [string, string][] {
  const entries = Object.entries(given) as [string, unknown][];
  if (entries.length > tagsMax) errors.push({ pointer: '/tags', detail: `must have at most ${tagsMax} entries` });
  const tags: [string, string][] = [];
  for (const [name, value] of entries) {
    const detail = faultOf(name, value);
    if (detail === null) tags.push([name, value as string]);
    else errors.push({ pointer: pointerTo('tags', name), detail });
  }
  return tags.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Of a change: a null value takes the tag away. */
export function readTagChanges(given: object, errors: FieldError[]): [string, string | null][] {
  const entries = Object.entries(given) as [string, unknown][];
  const kept = entries.filter(([, value]) => value !== null);
  const removed = entries.filter(([, value]) => value === null).map(([name]): [string, null] => [name, null]);
  return [...readTags(Object.fromEntries(kept), errors), ...removed];
}

function faultOf(name: string, value: unknown): string | null {
  if (name.length === 0 || isLonger(name, tagNameCharsMax)) return `must have a name of 1 to ${tagNameCharsMax} characters`;
  if (typeof value !== 'string') return 'must be a string';
  if (isLonger(value, tagValueCharsMax)) return `must be at most ${tagValueCharsMax} characters`;
  if (controlOrHalfPair.test(name) || controlOrHalfPair.test(value)) return 'must be printable, name and value';
  return null;
}
