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
  readonly sentAtMs: number;
  /** When it was not over for certain, since it had just been taken. A repeat that met the first one tells only that this was sent: it may be over for long. */
  freshAtMs: number;
  /** Accepted with 202: safe, and its owner may not know of it yet. */
  isKept: boolean;
  /** A cancel was sent, whatever became of it. */
  cancelAsked: boolean;
  /** When the 200 was in the producer's hands. */
  cancelled: { readonly atMs: number } | null;
  /** When a change of its payload, by PATCH or PUT, had been answered with 200. */
  changedAtMs: number | null;
  /** When it was first asked to be due now. */
  fireAskedAtMs: number | null;
  /** That was answered with 200. */
  isFired: boolean;
  /** An operator's retry: when it was first asked for, how often it was asked for, and how often that was answered with 200. */
  revival: { askedAtMs: number; asked: number; answered: number } | null;
}

/** A cancel by filter, of all that is far ahead and of one group. */
export interface Sweep {
  readonly group: number;
  /** What was accepted before is there. */
  readonly sentAtMs: number;
  /** That nothing was left was answered by then. */
  readonly answeredAtMs: number;
}

/** The destination that is held now and then. */
export interface Hold {
  /** The pause had been answered. */
  readonly fromMs: number;
  /** The resume was sent. */
  readonly toMs: number;
}

export interface AcceptedAnswer {
  readonly id: string;
  readonly isKept: boolean;
  /** It met an earlier request for the same event. */
  readonly isRepeat: boolean;
}

export class Ledger {
  readonly entries: Entry[] = [];
  readonly sweeps: Sweep[] = [];
  readonly holds: Hold[] = [];
  /** Of all sweeps together, as they were answered: what a kill hides is missing. */
  swept = 0;
  /** What should not have been answered at all, in words. */
  readonly complaints: string[] = [];

  open(plan: Plan): Entry {
    const entry: Entry = {
      plan,
      standing: 'unknown',
      ids: new Set(),
      acceptedAtMs: null,
      sentAtMs: Date.now(),
      freshAtMs: 0,
      isKept: false,
      cancelAsked: false,
      cancelled: null,
      changedAtMs: null,
      fireAskedAtMs: null,
      isFired: false,
      revival: null,
    };
    this.entries[plan.n] = entry;
    return entry;
  }

  accepted(entry: Entry, { id, isKept, isRepeat }: AcceptedAnswer): void {
    entry.standing = 'accepted';
    if (entry.acceptedAtMs === null) {
      entry.acceptedAtMs = Date.now();
      entry.freshAtMs = isRepeat ? entry.sentAtMs : entry.acceptedAtMs;
      entry.isKept = isKept;
    }
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
