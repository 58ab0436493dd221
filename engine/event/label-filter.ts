/** Whose statistics are asked for. Null: any. Counted by hash (`labels.ts`): two labels in four thousand million share one. */
import { type DeliveryType, deliveryTypes } from './spec.js';
import { hashOfLabel } from './labels.js';
import { type EventStatus, eventStatuses } from './status.js';

export interface LabelFilter {
  readonly source: string | null;
  readonly type: string | null;
}

/** As rows know them. */
export interface LabelHashes {
  readonly source: number | null;
  readonly type: number | null;
}

export function hashesOf({ source, type }: LabelFilter): LabelHashes {
  return { source: source === null ? null : hashOfLabel(source), type: type === null ? null : hashOfLabel(type) };
}

/** How many events there are of each state and delivery type: one flat list of numbers, which crosses threads as it is. */
export type Tally = number[];

export function emptyTally(): Tally {
  return new Array<number>(eventStatuses.length * deliveryTypes.length).fill(0);
}

/** Both as places in their lists. */
export function tallyPlace(status: number, deliveryType: number): number {
  return status * deliveryTypes.length + deliveryType;
}

export function addTally(tally: Tally, more: ArrayLike<number>): void {
  for (let place = 0; place < tally.length; place++) tally[place]! += more[place]!;
}

export function byStatusOf(tally: Tally): Record<EventStatus, number> {
  const sum = (status: number) => deliveryTypes.reduce((total, _, type) => total + tally[tallyPlace(status, type)]!, 0);
  return Object.fromEntries(eventStatuses.map((name, status) => [name, sum(status)])) as Record<EventStatus, number>;
}

export function byDeliveryTypeOf(tally: Tally): Record<DeliveryType, number> {
  const sum = (type: number) => eventStatuses.reduce((total, _, status) => total + tally[tallyPlace(status, type)]!, 0);
  return Object.fromEntries(deliveryTypes.map((name, type) => [name, sum(type)])) as Record<DeliveryType, number>;
}
