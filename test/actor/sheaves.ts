/** Sheaves of new events, made by hand and looked into. */
import type { HostRequest, NumberedSheaf } from '../../engine/actor/requests.js';
import { SpecHead } from '../../engine/event/spec-codec.js';
import type { PartitionId, WallMs } from '../../engine/kernel/brand.js';
import type { EventId } from '../../engine/kernel/event-id.js';
import { EventSheafBuilder } from '../../engine/log/event-sheaf.js';
import { RecordCursor } from '../../engine/log/record-batch.js';

export interface NewEventBytes {
  readonly event: EventId;
  readonly body: Uint8Array;
}

/** Numbered from `request` on. A body need not be one that can be read. */
export function sheafOf(request: number, partition: PartitionId, events: readonly NewEventBytes[]): NumberedSheaf {
  const builder = new EventSheafBuilder();
  for (const { event, body } of events) {
    const createdAtMs = SpecHead.isReadable(body) ? new SpecHead().at(body).createdAtMs : (0 as WallMs);
    const bytes = Buffer.from(body);
    builder.append({ ids: event, idAt: 0, room: { bytes }, bodyAt: 0, bodyEnd: bytes.length, createdAtMs });
  }
  return { op: 'schedule-sheaf', request, partition, count: events.length, events: builder.take() };
}

export function eventsIn({ events }: Pick<NumberedSheaf, 'events'>): NewEventBytes[] {
  const cursor = new RecordCursor(events);
  const found: NewEventBytes[] = [];
  while (cursor.next()) found.push({ event: cursor.event, body: cursor.body });
  return found;
}

/** New events among requests, one by one with their numbers and their partitions. */
export function newEventsOf(requests: readonly HostRequest[]) {
  return requests.flatMap((request) =>
    request.op === 'schedule-sheaf'
      ? eventsIn(request).map((each, at) => ({ ...each, request: request.request + at, partition: request.partition }))
      : [],
  );
}
