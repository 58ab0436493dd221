/**
 * What does this node do next with one partition? The state machine of its ownership, as a decision: where it stands and what is known, in; one step, out.
 *
 *                     +-------------------------- drop, yielded ---------------------------+
 *                     v                                                                    |
 *     elsewhere <-> following -> claiming -> (marker is ours) restoring -> serving -> releasing -> yielding
 *
 * Stages
 *   elsewhere  Nothing here. Placed here as owner or standby -> following.
 *   following  The local log is kept close behind the owner's.
 *   claiming   Our marker is on its way. What the newest marker says then decides.
 *   restoring  The host was told to take it: it catches up, opens the journal, replays. It says so -> serving.
 *   serving    Ours. Placed elsewhere, or this node stops, and its next owner is ready or was waited for -> releasing.
 *   releasing  The host ends it in order. It says so -> yielding.
 *   yielding   The released marker is on its way: anybody may claim then.
 *
 * It looks at what is so, not at what has happened: a message that was missed, twice the same news, or an answer that never came change nothing. The marker
 * alone says whose a partition is: one of ours that we have not acted on is taken, whenever it is found.
 *
 * Invariants: nothing is taken without a lease and a marker of this session; an epoch is taken once, and none that was seen is claimed again; a partition is claimed only if it was
 * never owned, released, or its owner is gone for certain.
 *
 * Pure.
 */
import type { Owner } from './ownership.js';

export const stages = ['elsewhere', 'following', 'claiming', 'restoring', 'serving', 'releasing', 'yielding'] as const;
export type Stage = (typeof stages)[number];

export interface Standing {
  readonly stage: Stage;
  /** Of the newest ownership that the host was told to take; 0: none. */
  readonly takenEpoch: number;
  /** The highest that was ever seen, at least `takenEpoch`: a stream that has lost its tail ends with an older one. */
  readonly seenEpoch: number;
}

export interface Facts {
  /** Ours; null: none, or its lease is over. */
  readonly session: string | null;
  /** The lease is ahead. Not so while what rests on the session is read again: then nothing begins, and nothing ends. */
  readonly mayBegin: boolean;
  /** Null: nobody ever. Undefined: not known at the moment. */
  readonly owner: Owner | null | undefined;
  /** Its session acts no more, for certain. */
  readonly isOwnerGone: boolean;
  readonly place: 'owner' | 'standby' | 'none';
  /** Those who come before us had their time to claim it. */
  readonly isOurTurn: boolean;
  /** Its next owner is ready for it, or was waited for; and not too many are moving. */
  readonly mayMove: boolean;
  /** It failed here lately: not again for a while. */
  readonly isHeld: boolean;
  readonly isStopping: boolean;
}

export type Step =
  | { readonly do: 'nothing' }
  | { readonly do: 'follow' }
  | { readonly do: 'unfollow' }
  /** Write our marker, of this epoch. */
  | { readonly do: 'claim'; readonly epoch: number }
  /** The marker is ours: the host is to serve. */
  | { readonly do: 'take'; readonly epoch: number }
  | { readonly do: 'release' }
  /** At once: it is not ours any more, or not certainly. */
  | { readonly do: 'drop' }
  /** Write that our epoch is released; nothing of it runs here any more. */
  | { readonly do: 'yield'; readonly epoch: number };

const nothing: Step = { do: 'nothing' };

export function nextStep(standing: Standing, facts: Facts): Step {
  switch (standing.stage) {
    case 'elsewhere':
    case 'following':
      return begin(standing, facts);
    case 'claiming':
    case 'yielding':
      // A marker is on its way, and nothing runs here. Its end is waited for.
      return nothing;
    default:
      return carryOn(standing, facts);
  }
}

/** It is ours, as far as we knew. */
function carryOn({ stage, takenEpoch }: Standing, { session, owner, place, mayMove, isStopping }: Facts): Step {
  if (session === null) return { do: 'drop' };
  const isOurs = owner === undefined || isHeldBy(owner, session, takenEpoch);
  if (!isOurs) return { do: 'drop' };
  if (stage === 'restoring' && isStopping) return { do: 'drop' };
  if (stage === 'serving' && mayMove && (isStopping || place !== 'owner')) return { do: 'release' };
  return nothing;
}

/** Nothing of it is decided here. */
function begin({ stage, takenEpoch, seenEpoch }: Standing, facts: Facts): Step {
  const { session, mayBegin, owner, place, isHeld, isOurTurn, isStopping } = facts;
  if (session !== null && mayBegin && owner !== undefined) {
    if (owner !== null && isHeldBy(owner, session, owner.epoch)) {
      // The marker is ours.
      if (isStopping || isHeld) return { do: 'yield', epoch: owner.epoch };
      if (owner.epoch > takenEpoch) return { do: 'take', epoch: owner.epoch };
      // It was taken and lost again: by a fence, or because it failed.
      return { do: 'claim', epoch: seenEpoch + 1 };
    }
    if (isFree(owner, facts) && isOurTurn && !isHeld && !isStopping) return { do: 'claim', epoch: seenEpoch + 1 };
  }
  const shouldFollow = place !== 'none' && !isHeld && !isStopping;
  if (shouldFollow && stage === 'elsewhere') return { do: 'follow' };
  if (!shouldFollow && stage === 'following') return { do: 'unfollow' };
  return nothing;
}

function isHeldBy(owner: Owner | null, session: string, epoch: number): boolean {
  return owner !== null && owner.session === session && owner.epoch === epoch && !owner.released;
}

/** May anybody claim it? */
export function isFree(owner: Owner | null, { isOwnerGone }: Pick<Facts, 'isOwnerGone'>): boolean {
  return owner === null || owner.released || isOwnerGone;
}
