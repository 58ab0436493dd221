/** From an actor host to the main thread, unasked. Status changes travel beside these, as bytes (`mail.ts`). */
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { HostFigures, PartitionPhase } from '../observe/figures.js';

export type HostNotice =
  /** Changes behind these positions are being sent. The answer to `watch` names every partition whose log has been read since the
   *  host began; one of which something was under way to the disk then is named again when that is durable, and one that is replayed
   *  when it works, before their first change. What is named is durable, so it is never taken back. A position may lie behind
   *  changes that were not sent: those are in the log. `round`: of the newest `watch`, so that an answer to an earlier one is not
   *  taken for it. */
  | { readonly op: 'watching'; readonly round: number; readonly positions: readonly (readonly [PartitionId, Sequence])[] }
  | {
      readonly op: 'phase';
      readonly partition: PartitionId;
      readonly phase: PartitionPhase;
      readonly detail: string | null;
      readonly done: number;
    }
  | { readonly op: 'figures'; readonly figures: HostFigures }
  | { readonly op: 'clock-step'; readonly stepMs: number }
  | { readonly op: 'space'; readonly level: 'ok' | 'refuse' | 'stop'; readonly freeBytes: number }
  /** As the log writer tells it. */
  | { readonly op: 'held'; readonly partition: PartitionId; readonly isHeld: boolean; readonly walBytes: number }
  /** The oldest segment should go and cannot be read; it stays, and is tried again. */
  | { readonly op: 'retention-stuck'; readonly partition: PartitionId; readonly detail: string }
  /** A replay has done without a snapshot that is damaged. */
  | { readonly op: 'snapshot-damaged'; readonly partition: PartitionId; readonly detail: string }
  | { readonly op: 'partition-news'; readonly news: PartitionNews }
  /** The journal of a partition was not what this node knew of it: what was acknowledged may be gone, or was written again. */
  | { readonly op: 'regressed'; readonly partition: PartitionId; readonly detail: string }
  /** In a cluster: what it keeps of settings for origins is not what it was, and that is durable. */
  | { readonly op: 'settings-changed'; readonly partition: PartitionId }
  /** The copy of its log here was set aside and is made anew, or bases cannot be written. */
  | { readonly op: 'copy-note'; readonly partition: PartitionId; readonly detail: string }
  | { readonly op: 'drained' };

/** In a cluster: what has come of a `PartitionOrder`, or has happened since. */
export type PartitionNews = {
  readonly partition: PartitionId;
} /** `unfinishedAttempts`: begun by an owner before and without an outcome, so begun again. `dataLosses`: how often the journal has lost something. */ & (
  | {
      readonly op: 'serving';
      readonly epoch: number;
      readonly takeoverMs: number;
      readonly unfinishedAttempts: number;
      readonly dataLosses: number;
    }
  | { readonly op: 'released'; readonly epoch: number }
  /** Somebody else has opened its journal, or that ends before what was written here: `hasShrunk`. */
  | { readonly op: 'lost'; readonly epoch: number; readonly detail: string; readonly hasShrunk: boolean }
  /** Entries of the journal that are not in the copy yet; null: not known at the moment. */
  | { readonly op: 'following'; readonly lag: number | null }
  /** This node can neither own nor follow it at present. */
  | { readonly op: 'failed'; readonly detail: string }
);
