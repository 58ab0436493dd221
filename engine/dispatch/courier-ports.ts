/**
 * A courier and the ports to its hosts: batches of bytes in, batches of bytes out. The same for the courier threads, which
 * do webhooks, and for the main thread, where the handlers of an embedding program are.
 */
import type { MessagePort } from 'node:worker_threads';
import type { LeaseBoard } from '../kernel/lease-board.js';
import { Courier, type CourierOptions } from './courier.js';
import { decodeRequests, encodeReplies } from './courier-mail.js';
import type { Deliverer } from './deliverer.js';
import type { HostNumber } from './origin.js';
import type { Timing } from './timing.js';

export interface CourierPorts {
  readonly courier: Courier;
  /** A host under the same number is replaced: what the old one wanted is void. */
  attach(host: HostNumber, port: MessagePort): void;
  detach(host: HostNumber): void;
  /** Grants nothing any more; resolves, at most `drainMs` later, to how many attempts still run. */
  drain(drainMs: number): Promise<number>;
  close(): Promise<void>;
}

export interface CourierPortsParts {
  readonly options: CourierOptions;
  readonly deliverer: Deliverer;
  readonly timing: Timing;
  /** As of `Courier`. */
  readonly lease?: Pick<LeaseBoard, 'isAheadIn'> | null;
  /** A host broke the protocol (InvariantError): what is known of its slots cannot be trusted any more. */
  readonly failed: (host: HostNumber, error: unknown) => void;
}

export function runCourierOn(parts: CourierPortsParts): CourierPorts {
  const ports = new Map<HostNumber, MessagePort>();
  const courier = new Courier({
    ...parts,
    send: (host, replies) => {
      const bytes = encodeReplies(replies);
      ports.get(host)?.postMessage(bytes, [bytes.buffer]);
    },
  });
  const detach = (host: HostNumber) => {
    const port = ports.get(host);
    if (port === undefined) return;
    ports.delete(host);
    port.close();
    courier.hostGone(host);
  };
  return {
    courier,
    detach,
    attach(host, port) {
      detach(host);
      ports.set(host, port);
      port.on('message', (bytes: Uint8Array) => {
        // What a replaced host had still sent is not its successor's.
        if (ports.get(host) !== port) return;
        try {
          courier.receive(host, decodeRequests(bytes));
        } catch (error) {
          parts.failed(host, error);
        }
      });
      port.on('close', () => {
        if (ports.get(host) === port) detach(host);
      });
    },
    drain: (drainMs) => courier.drain(drainMs),
    async close() {
      await courier.close();
      for (const port of ports.values()) port.close();
      ports.clear();
    },
  };
}
