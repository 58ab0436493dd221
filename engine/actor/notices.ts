/** From an actor host to the main thread, unasked. */
import type { WaitReason } from '../event/status.js';
import type { StatusChange } from '../event/status-change.js';
import type { PartitionId, Sequence } from '../kernel/brand.js';
import type { HostFigures } from '../observe/figures.js';

export type PartitionPhase = 'recovering' | 'ready' | 'failed';

export type HostNotice =
  /** In log order per partition. `upTo`: positions reached, also by records that are no change. */
  | { readonly op: 'changes'; readonly changes: readonly StatusChange[] }
  /** Changes behind these positions are being sent. */
  | { readonly op: 'watching'; readonly positions: readonly (readonly [PartitionId, Sequence])[] }
  | { readonly op: 'phase'; readonly partition: PartitionId; readonly phase: PartitionPhase; readonly detail: string | null; readonly done: number }
  | { readonly op: 'figures'; readonly figures: HostFigures }
  | { readonly op: 'clock-step'; readonly stepMs: number }
  | { readonly op: 'space'; readonly level: 'ok' | 'refuse' | 'stop'; readonly freeBytes: number }
  | { readonly op: 'drained' };

export type { StatusChange, WaitReason };
