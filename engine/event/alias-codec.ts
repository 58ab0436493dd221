/** The body of an `alias` record: the other id, and behind it the id of the event. */
import { eventIdBytes, type EventId } from '../kernel/event-id.js';
import { UnknownFormatError } from '../kernel/errors.js';

export interface Alias {
  readonly alias: EventId;
  readonly event: EventId;
}

/** The result owns its memory. */
export function encodeAlias({ alias, event }: Alias): Uint8Array {
  const bytes = new Uint8Array(2 * eventIdBytes);
  bytes.set(alias, 0);
  bytes.set(event, eventIdBytes);
  return bytes;
}

/** The result owns its memory. Throws UnknownFormatError for a body of another length. */
export function decodeAlias(bytes: Uint8Array): Alias {
  if (bytes.length !== 2 * eventIdBytes)
    throw new UnknownFormatError(`an alias: expected ${2 * eventIdBytes} bytes, found ${bytes.length}`);
  return { alias: bytes.slice(0, eventIdBytes), event: bytes.slice(eventIdBytes) };
}
