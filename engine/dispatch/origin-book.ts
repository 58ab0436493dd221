/**
 * What is set for each origin, as far as this courier has been told: the difference between "nothing is set" and "nobody knows
 * yet".
 *
 * Settings are in the logs of partitions, and come when those have been replayed. Until the home of an origin has spoken,
 * nothing is granted there: it may be paused, or have a secret of its own. When the home has failed, the copy in the second
 * partition counts; when both have, the origin's events wait until somebody has looked.
 *
 *     home:  silent --told--> known
 *              \--lost--> lost --told--> known        (then the second partition's word counts, or what the home has decided since)
 *
 * What is known stays known when a partition fails later on: no change can have been acknowledged since that was not told here as well.
 * In a cluster that ends with the node's session, since those who decide need not tell it any more: everything is silent again.
 */
import {
  defaultSettings,
  type OriginPlace,
  type OriginSettings,
  placeOfOrigin,
  sameSettings,
  type SettingsRow,
} from '../event/origin-settings.js';
import { noSequence, type PartitionId, type Sequence } from '../kernel/brand.js';
import { originSettingsMax } from '../kernel/limits.js';

/** A partition takes half as many; what was set back is kept beside them, so that an older word about it is known as such. */
const rowsMax = 4 * originSettingsMax;

interface Chapter {
  word: 'silent' | 'known' | 'lost';
  /** In its log: what it was told as of. */
  position: Sequence;
  rows: Map<string, SettingsRow>;
}

function silent(): Chapter {
  return { word: 'silent', position: noSequence, rows: new Map() };
}

export class OriginBook {
  readonly #partitions: number;
  #chapters: readonly Chapter[];

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.#chapters = Array.from({ length: partitions }, silent);
  }

  /** Every partition has told what it keeps, or will not. */
  get haveAllSpoken(): boolean {
    return this.#chapters.every(({ word }) => word !== 'silent');
  }

  /** Null: not known. */
  of(origin: string): OriginSettings | null {
    const { home, second } = this.#placeOf(origin);
    const chapter = this.#chapters[home]!;
    if (chapter.word === 'known') return settingsIn(chapter, origin);
    if (chapter.word === 'silent' || second === null) return null;
    const copies = this.#chapters[second]!;
    if (copies.word !== 'known') return null;
    const copy = copies.rows.get(origin);
    const decided = chapter.rows.get(origin);
    return (
      (decided !== undefined && decided.version >= (copy?.version ?? noSequence) ? decided : copy)?.settings ?? defaultSettings
    );
  }

  /** All that a partition keeps for origins of this courier, as of `position` in its log. Returns origins that may have changed. */
  told(partition: PartitionId, { position, rows }: { position: Sequence; rows: readonly SettingsRow[] }): string[] {
    const chapter = this.#chapters[partition]!;
    // Two ways lead here, by the host and by the main thread, and one may be overtaken by the other.
    if (chapter.word === 'known' && position < chapter.position) return [];
    const before = chapter.rows;
    const now = new Map(rows.map((row) => [row.origin, row]));
    for (const [origin, row] of before) {
      // Decided behind what the partition tells of, and told by another way that was faster.
      const isNewer = row.version > (now.get(origin)?.version ?? position) && this.#placeOf(origin).home === partition;
      if (isNewer) now.set(origin, row);
    }
    chapter.word = 'known';
    chapter.position = position;
    chapter.rows = now;
    return [...new Set([...before.keys(), ...now.keys()])];
  }

  /** The partition has stopped: if it has not told what it keeps, it will not. */
  lost(partition: PartitionId): void {
    const chapter = this.#chapters[partition]!;
    if (chapter.word === 'silent') chapter.word = 'lost';
  }

  /** Nothing of what was told may hold any more. */
  forget(): void {
    this.#chapters = Array.from({ length: this.#partitions }, silent);
  }

  /** As the home of the origin has just decided it. */
  set(row: SettingsRow): void {
    const { rows } = this.#chapters[this.#placeOf(row.origin).home]!;
    if (row.version >= (rows.get(row.origin)?.version ?? 0)) rows.set(row.origin, row);
    if (rows.size > rowsMax)
      for (const { origin, settings } of rows.values()) if (sameSettings(settings, defaultSettings)) rows.delete(origin);
  }

  /** Every origin for which something has been told. */
  *origins(): Generator<string, void, undefined> {
    for (const { rows } of this.#chapters) yield* rows.keys();
  }

  #placeOf(origin: string): OriginPlace {
    return placeOfOrigin(origin, this.#partitions);
  }
}

function settingsIn({ rows }: Chapter, origin: string): OriginSettings {
  return rows.get(origin)?.settings ?? defaultSettings;
}
