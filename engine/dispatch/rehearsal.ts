/**
 * Rehearsal of a courier: before it takes up its work it plays some made-up attempts, with a deliverer that only says
 * "delivered". Code that has never run is slow (`actor/rehearsal.ts` has the figures). Nothing of it remains.
 */
import type { Attempt } from '../event/attempt.js';
import { madeUpOrigin, madeUpSpec } from '../event/made-up-spec.js';
import { encodeSpec } from '../event/spec-codec.js';
import type { PartitionId, Sequence, Slot, WallMs } from '../kernel/brand.js';
import { mintEventId } from '../kernel/event-id.js';
import { Courier, type CourierOptions } from './courier.js';
import { decodeReplies, decodeRequests, encodeReplies, encodeRequests } from './courier-mail.js';
import { delivered } from './deliverer.js';
import type { CourierReply, CourierRequest } from './protocol.js';
import type { Timing } from './timing.js';

const attemptsPlayed = 24;
const host = 0;

/** Resolves to how many were delivered, which is all of them. */
export async function rehearseCourier(options: CourierOptions, timing: Timing): Promise<number> {
  const attempt = madeUpAttempt(timing.wallMs());
  let outcomes = 0;
  const courier = new Courier({
    options: { ...options, partitions: 1 },
    timing,
    deliverer: { deliver: () => Promise.resolve(delivered), close: () => Promise.resolve() },
    send: (_, replies) => hear(decodeReplies(encodeReplies(replies))),
  });
  const hear = (replies: readonly CourierReply[]): void => {
    for (const { op } of replies) {
      if (op === 'grant') courier.receive(host, throughPort([{ op: 'start', attempt }]));
      else if (op === 'outcome') outcomes++;
    }
  };
  const nothingSet: CourierRequest = { op: 'settings', partition: 0 as PartitionId, position: 0 as Sequence, rows: [] };
  courier.receive(host, throughPort([nothingSet]));
  for (let played = 0; played < attemptsPlayed; played++) {
    courier.receive(host, throughPort([{ op: 'want', origin: madeUpOrigin, lane: 'regular', count: 1 }]));
    // One turn for the grant and the start, one for the outcome.
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => timing.soon(resolve));
  }
  await courier.close();
  return outcomes;
}

function madeUpAttempt(now: WallMs): Attempt {
  const spec = encodeSpec(madeUpSpec(now, now), null);
  const event = mintEventId(0 as Slot, now);
  return { partition: 0 as PartitionId, event, attempt: 1, run: 0, origin: madeUpOrigin, spec, dueAtMs: now, overdue: false };
}

/** As it comes out at the other end of a port. */
function throughPort(requests: readonly CourierRequest[]): CourierRequest[] {
  return decodeRequests(encodeRequests(requests));
}
