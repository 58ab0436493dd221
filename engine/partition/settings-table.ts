/**
 * What is set for origins, as the log of one partition tells it: of those whose home it is, and copies of another's.
 *
 * Part of the state: follows from the records alone. Only what differs from the defaults is kept, so an origin that was
 * set back costs nothing.
 */
import { defaultSettings, type SettingsRow, sameSettings, unsetOf } from '../event/origin-settings.js';
import type { SettingsRecord } from '../event/record.js';
import { decodeSettings } from '../event/settings-codec.js';
import type { Sequence } from '../kernel/brand.js';

/** A row and the record that holds it. */
export interface KeptSettings extends SettingsRow {
  readonly seq: Sequence;
}

export class SettingsTable {
  readonly #rows = new Map<string, KeptSettings>();

  get size(): number {
    return this.#rows.size;
  }

  /** The defaults, with version 0, when nothing is set. */
  of(origin: string): SettingsRow {
    return this.#rows.get(origin) ?? unsetOf(origin);
  }

  has(origin: string): boolean {
    return this.#rows.has(origin);
  }

  /** All that are set, in no order. */
  rows(): KeptSettings[] {
    return [...this.#rows.values()];
  }

  /** As `rows` of an earlier table had them. */
  restore(rows: readonly KeptSettings[]): void {
    for (const row of rows) this.#rows.set(row.origin, row);
  }

  apply({ seq, body }: Pick<SettingsRecord, 'seq' | 'body'>): void {
    const row = decodeSettings(body);
    if (sameSettings(row.settings, defaultSettings)) this.#rows.delete(row.origin);
    else this.#rows.set(row.origin, { ...row, seq });
  }
}
