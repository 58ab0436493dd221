/**
 * Decisions about what is set for an origin. As in `decide.ts`, nothing but the state and values comes in.
 *
 * `configure` is for the origin's home, which merges the change into what it knows; `keep-copy` for the second partition,
 * which keeps what the home has decided. Asking twice for the same changes nothing.
 */
import { type OriginChange, type OriginSettings, type SettingsRow, sameSettings } from '../event/origin-settings.js';
import { noEvent, type SettingsRecord, settingsKind } from '../event/record.js';
import { encodeSettings } from '../event/settings-codec.js';
import { noSequence, type Sequence, type WallMs } from '../kernel/brand.js';
import { originSettingsMax } from '../kernel/limits.js';
import type { PartitionState } from './state.js';

export type SettingsRequest =
  | { readonly op: 'configure'; readonly origin: string; readonly change: OriginChange }
  | { readonly op: 'keep-copy'; readonly origin: string; readonly version: Sequence; readonly settings: OriginSettings };

export interface SettingsDecision {
  /** Null: nothing changes. */
  readonly record: SettingsRecord | null;
  /** What is set from now on. */
  readonly row: SettingsRow;
  /** Why not; null: done. */
  readonly refused: string | null;
}

export function decideSettings(state: PartitionState, request: SettingsRequest, now: WallMs): SettingsDecision {
  const current = state.settings.of(request.origin);
  if (request.op === 'keep-copy') {
    const { origin, version, settings } = request;
    // A repeat, or one that was overtaken.
    const isKnown = version <= current.version || sameSettings(current.settings, settings);
    return isKnown ? unchanged(current) : changed(state, { origin, version, settings }, now);
  }
  const settings = { ...current.settings, ...request.change };
  if (sameSettings(settings, current.settings)) return unchanged(current);
  if (!state.settings.has(request.origin) && state.settings.size >= originSettingsMax) {
    const detail = `settings of ${state.settings.size} origins are kept here, which is as many as may be: set others back to their defaults`;
    return { record: null, row: current, refused: detail };
  }
  return changed(state, { origin: request.origin, version: (state.lastSeq + 1) as Sequence, settings }, now);
}

function unchanged(row: SettingsRow): SettingsDecision {
  return { record: null, row, refused: null };
}

function changed(state: PartitionState, row: SettingsRow, now: WallMs): SettingsDecision {
  const record: SettingsRecord = {
    seq: (state.lastSeq + 1) as Sequence,
    kind: settingsKind,
    event: noEvent,
    prev: noSequence,
    at: Math.floor(now) as WallMs,
    body: encodeSettings(row),
  };
  return { record, row, refused: null };
}
