/**
 * `If-Match`: the versions of an event that may be changed, as `ETag` gave them (`"3"`); several are separated by commas. `*` is any, so
 * nothing is created then. A tag that no version of ours can have, and a weak one, match nothing (RFC 9110).
 */
import type { Condition } from '../../../engine/index.js';
import { type Refusal, refuseFields } from '../refusal.js';

const tagList = /^(?:W\/)?"[^"]*"(?:[ \t]*,[ \t]*(?:W\/)?"[^"]*")*$/;
const version = /^"([1-9]\d{0,9})"$/;

export function readIfMatch(header: string | null): Condition | Refusal {
  if (header === null) return {};
  const text = header.trim();
  if (text === '*') return { versions: 'any' };
  if (!tagList.test(text)) {
    return refuseFields([
      { pointer: '', detail: 'the If-Match header must be a version in double quotes, as ETag gives it, or *' },
    ]);
  }
  const tags = text.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return { versions: tags.flatMap((tag) => version.exec(tag)?.slice(1).map(Number) ?? []) };
}
