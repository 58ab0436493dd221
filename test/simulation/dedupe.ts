/**
 * A repeated request is the same request: one event for each source and external id as long as it is retained, one for each
 * idempotency key within a day; the same content is answered with that event, other content is refused.
 */
import { keyOf } from '../../engine/event/content.js';
import { carriedKind } from '../../engine/event/record.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { idempotencyKeyMs } from '../../engine/kernel/limits.js';
import type { Asked, Happening } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

interface First {
  readonly event: string;
  readonly createdAtMs: number;
}

export class Dedupe implements Checker {
  readonly name = 'dedupe';
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what !== 'answered' || happening.asked.op !== 'schedule' || happening.asked.fingerprint === null) return;
    const { asked, reply } = happening;
    if (reply.op === 'replayed') {
      const { fingerprint, source } = reply.view.spec;
      if (hexOf(fingerprint) !== asked.fingerprint || source !== asked.spec?.source) {
        this.#complain(asked, `is answered with event ${formatEventId(reply.view.id)}, which has other content`);
      }
    }
    const isConflict = reply.op === 'refused' && /conflict|reused/.test(reply.code);
    if (!isConflict || this.#scene.world.disk.log(asked.partition).isDamaged) return;
    const first = this.#scene.stored.of(asked.partition, formatEventId(reply.event!))[0];
    if (first === undefined || hexOf(decodeSpec(first.body).fingerprint) === asked.fingerprint) {
      this.#complain(asked, 'is refused as a conflict with an event of the same content');
    }
  }

  quiet(): void {
    for (const partition of this.#scene.world.partitions) {
      if (this.#scene.world.disk.log(partition).isDamaged) continue;
      const firsts = new Map<string, First>();
      for (const [event, records] of this.#scene.stored.all(partition)) {
        const spec = decodeSpec(records[0]!.body);
        const key = keyOf(spec);
        if (key === null) continue;
        const name = `${key.kind} ${key.source} ${key.text}`;
        const first = firsts.get(name);
        const isGone = first !== undefined && this.#isGone(partition, first.event);
        const isForgotten = key.kind === 'idempotency' && spec.createdAtMs - (first?.createdAtMs ?? 0) >= idempotencyKeyMs;
        if (first !== undefined && !isForgotten && !isGone) {
          throw new BrokenPromise(this.name, `${name} has two events in partition ${partition}: ${first.event} and ${event}`);
        }
        firsts.set(name, { event, createdAtMs: spec.createdAtMs });
      }
    }
  }

  end(): void {
    this.quiet();
  }

  /** Retention has removed all that there was of it. */
  #isGone(partition: PartitionId, event: string): boolean {
    const log = this.#scene.world.disk.log(partition);
    const newest = this.#scene.stored.of(partition, event).at(-1)!.seq;
    if (newest >= log.beginning) return false;
    for (const { event: id, kind } of log.records(log.beginning)) {
      if (kind === carriedKind && formatEventId(id) === event) return false;
    }
    return true;
  }

  #complain({ number, event }: Asked, detail: string): never {
    throw new BrokenPromise(this.name, `request ${number} for ${event} ${detail}`);
  }
}

function hexOf(fingerprint: Uint8Array | null): string | null {
  return fingerprint === null ? null : Buffer.from(fingerprint).toString('hex');
}
