/**
 * What the client has sent is given back at once (`kernel/let-go.ts`).
 *
 * It copies all that is published in a pass of the event loop into one frame, hands that to the socket and forgets it. For the collector a frame is memory outside of the
 * heap like any other: of all that a gateway or a replica publishes there was a second copy that brought on full collections.
 *
 * Only the client knows when a frame has left, and has no word for it, so this reaches into it: one that is built otherwise is left as it is (`nats-link.test.ts` would tell).
 *
 * One of the files that know the client's packages. Any thread.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { letGo } from '../kernel/let-go.js';

/** As the client has it; its types do not. */
interface Inside {
  readonly protocol?: { readonly transport?: Partial<Transport> };
}

interface Transport {
  /** Ends when the socket has taken all of it. */
  _send(frame: Uint8Array<ArrayBuffer>): Promise<void>;
  send(frame: Uint8Array<ArrayBuffer>): void;
}

/** Of the connection as it stands: to be called again when it has come back. */
export function letFramesGo(connection: NatsConnection): void {
  const transport = (connection as unknown as Inside).protocol?.transport;
  if (transport?._send === undefined || transport.send === undefined) return;
  const leave = transport._send.bind(transport);
  transport.send = (frame) => {
    leave(frame).then(
      () => {
        // One that is not alone in its memory is none of the copies.
        if (frame.length === frame.buffer.byteLength) letGo(frame);
      },
      // The connection is lost, which the client hears by itself.
      () => undefined,
    );
  };
}
