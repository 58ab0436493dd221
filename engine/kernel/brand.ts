/** Numbers that must not be mixed up carry a brand; at run time they are plain numbers. */
declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Milliseconds since the Unix epoch, whole or with a fraction. */
export type WallMs = Branded<'WallMs'>;
/** Milliseconds of the monotonic clock of one process; only differences mean anything. */
export type MonoMs = Branded<'MonoMs'>;
/** A whole millisecond since the Unix epoch: the unit in which the wheel turns. */
export type Tick = Branded<'Tick'>;
/** Position in the log of one partition, from 1; 0 means "none". */
export type Sequence = Branded<'Sequence'>;
/** Number of a partition, from 0. */
export type PartitionId = Branded<'PartitionId'>;
/** Row of an event that is not finished, in the columns of its partition. Reused after the event has finished. */
export type Handle = Branded<'Handle'>;
/** 0-4,095, carried in every event id; partition = slot mod partitions. */
export type Slot = Branded<'Slot'>;

export const noSequence = 0 as Sequence;
