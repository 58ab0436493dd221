/**
 * What the producers know: the accepted set and its borders.
 *
 * An answer makes a promise; a connection that died makes none, and either outcome is right then. What was refused must
 * leave nothing behind.
 */
import type { Plan } from './plan.js';

export type Standing = 'accepted' | 'refused' | 'unknown';

export interface Entry {
  readonly plan: Plan;
  standing: Standing;
  /** Every id that an answer gave it: there must be one at most. */
  readonly ids: Set<string>;
  acceptedAtMs: number | null;
  /** A cancel was sent, whatever became of it. */
  cancelAsked: boolean;
  /** When the 200 was in the producer's hands, and which process had sent it. */
  cancelled: { readonly atMs: number; readonly incarnation: number } | null;
  /** When a change of its payload had been answered with 200. */
  patchedAtMs: number | null;
}

export class Ledger {
  readonly entries: Entry[] = [];
  /** What should not have been answered at all, in words. */
  readonly complaints: string[] = [];

  open(plan: Plan): Entry {
    const entry: Entry = {
      plan,
      standing: 'unknown',
      ids: new Set(),
      acceptedAtMs: null,
      cancelAsked: false,
      cancelled: null,
      patchedAtMs: null,
    };
    this.entries[plan.n] = entry;
    return entry;
  }

  accepted(entry: Entry, id: string): void {
    entry.standing = 'accepted';
    entry.acceptedAtMs ??= Date.now();
    entry.ids.add(id);
  }

  /** Only while nothing better is known: an earlier request for it may have been carried out. */
  refused(entry: Entry, hadUnknown: boolean): void {
    if (entry.standing === 'unknown' && !hadUnknown) entry.standing = 'refused';
  }

  complain(text: string): void {
    if (this.complaints.length < 50) this.complaints.push(text);
  }

  count(standing: Standing): number {
    return this.entries.filter((entry) => entry.standing === standing).length;
  }
}
