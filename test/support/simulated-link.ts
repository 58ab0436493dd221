/**
 * What a part of the main thread asks of hosts in the simulator, as `router/host-link.ts` in production: a promise for each request,
 * settled by its reply. What is asked of a partition whose host dies is refused.
 */
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import type { Accepted, Unnumbered } from '../../engine/router/host-link.js';
import type { Scheduler } from './simulated-time.js';

export interface SimulatedLinkParts {
  readonly scheduler: Pick<Scheduler, 'touchesPromises'>;
  /** Over the wire to the host that owns the partition; false while it is down. */
  readonly send: (partition: PartitionId, request: HostRequest) => boolean;
}

interface Open {
  readonly partition: PartitionId;
  readonly resolve: (reply: Accepted) => void;
  readonly reject: (error: EngineError) => void;
}

export class SimulatedLink {
  readonly #parts: SimulatedLinkParts;
  readonly #open = new Map<number, Open>();
  #lastRequest: number;

  /** Requests are numbered from behind `firstRequest` on; others in the same world count elsewhere. */
  constructor(firstRequest: number, parts: SimulatedLinkParts) {
    this.#lastRequest = firstRequest;
    this.#parts = parts;
  }

  ask(partition: PartitionId, request: Unnumbered): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      const number = ++this.#lastRequest;
      this.#open.set(number, { partition, resolve, reject });
      if (!this.#parts.send(partition, { ...request, request: number } as HostRequest)) this.lost([partition]);
    });
  }

  replied(reply: HostReply): void {
    const open = this.#open.get(reply.request);
    if (open === undefined) return;
    this.#open.delete(reply.request);
    this.#parts.scheduler.touchesPromises();
    if (reply.op === 'refused') open.reject(new EngineError(reply.code, reply.detail));
    else open.resolve(reply);
  }

  /** Partitions whose host is gone. */
  lost(partitions: readonly PartitionId[]): void {
    for (const [number, { partition, reject }] of this.#open) {
      if (!partitions.includes(partition)) continue;
      this.#open.delete(number);
      this.#parts.scheduler.touchesPromises();
      reject(new EngineError('partition-unavailable', 'its host is gone'));
    }
  }
}
