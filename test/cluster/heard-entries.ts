/**
 * Which entries of journals passed on the way of a node to NATS, and how often: one that passed again was published again, since the acknowledgement of the first time did not
 * come. It knows them by their message ids, in the frames of NATS's protocol.
 */
import type { PartitionId } from '../../engine/kernel/brand.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const messageId = /Nats-Msg-Id: (escapement\.p\.(\d+)\.j:\S+)\r\n/g;

export class HeardEntries {
  /** By message id. */
  readonly #times = new Map<string, number>();
  readonly #again = new Map<number, number>();

  constructor(way: TcpProxy) {
    way.interpret((text, direction) => {
      if (direction === 'up') for (const [, id, partition] of text.matchAll(messageId)) this.#hear(id!, Number(partition));
      return text;
    });
  }

  /** How many of a partition were published again so far. */
  again(partition: PartitionId): number {
    return this.#again.get(partition) ?? 0;
  }

  #hear(id: string, partition: number): void {
    const times = (this.#times.get(id) ?? 0) + 1;
    this.#times.set(id, times);
    if (times > 1) this.#again.set(partition, this.again(partition as PartitionId) + 1);
  }
}
