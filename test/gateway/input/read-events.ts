/** What was read of a batch, event by event, as everybody else knows it. */
import type { EventSpec } from '../../../engine/index.js';
import { decodeSpec } from '../../../engine/event/spec-codec.js';
import type { SheetedEvents } from '../../../gateway/input/event-sheets.js';
import type { Refusal } from '../../../gateway/input/refusal.js';

/** In the order of the body. */
export function eventsRead({ count, refusals, sheets }: SheetedEvents): ({ readonly spec: EventSpec } | Refusal)[] {
  const specs = sheets.flatMap((sheet) =>
    Array.from({ length: sheet.count }, (_, place) =>
      decodeSpec(new Uint8Array(sheet.bytes.subarray(sheet.startOf(place), sheet.endOf(place)))),
    ),
  );
  return Array.from({ length: count }, (_, index) => refusals.get(index) ?? { spec: specs.shift()! });
}
