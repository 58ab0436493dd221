/**
 * What a PATCH says about an event: only what is to change. Merged into the spec where it is decided, so that two of them
 * never undo each other.
 */
import type { WallMs } from '../kernel/brand.js';
import type { FieldError } from '../kernel/errors.js';
import { tagsMax } from '../kernel/limits.js';
import type { StoredSpec } from './spec-codec.js';

/** A field that is not there stays as it is. */
export interface SpecPatch {
  readonly time?: { readonly scheduledAtMs: WallMs; readonly delayMs: number | null };
  /** JSON text as it came. */
  readonly payload?: Uint8Array;
  readonly priority?: number;
  readonly maxRetries?: number;
  /** Null: never. */
  readonly expiresAtMs?: WallMs | null;
  /** Null: none at all. Else name by name; a null value takes the tag away. */
  readonly tags?: readonly (readonly [name: string, value: string | null])[] | null;
  readonly description?: string | null;
}

/** Everything else stays, also key and fingerprint: what a repeated request is compared with is the first content. */
export function patched(spec: StoredSpec, patch: SpecPatch): StoredSpec {
  return {
    ...spec,
    scheduledAtMs: patch.time?.scheduledAtMs ?? spec.scheduledAtMs,
    delayMs: patch.time === undefined ? spec.delayMs : patch.time.delayMs,
    payload: patch.payload ?? spec.payload,
    priority: patch.priority ?? spec.priority,
    maxRetries: patch.maxRetries ?? spec.maxRetries,
    expiresAtMs: patch.expiresAtMs === undefined ? spec.expiresAtMs : patch.expiresAtMs,
    tags: patch.tags === undefined ? spec.tags : mergedTags(spec.tags, patch.tags),
    description: patch.description === undefined ? spec.description : patch.description,
  };
}

/** Null: allowed. Else what is wrong with the outcome of a merge, which only the merge shows. */
export function faultOfPatched({ tags }: Pick<StoredSpec, 'tags'>): FieldError | null {
  if (tags.length <= tagsMax) return null;
  return { pointer: '/tags', detail: `the event would have ${tags.length} tags, at most ${tagsMax} are accepted` };
}

/** Sorted by name, as they are when an event is accepted. */
function mergedTags(tags: StoredSpec['tags'], changes: NonNullable<SpecPatch['tags']> | null): StoredSpec['tags'] {
  if (changes === null) return [];
  const merged = new Map<string, string>(tags);
  for (const [name, value] of changes) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  return [...merged].sort(([one], [other]) => (one < other ? -1 : 1));
}
