/**
 * I7: whoever follows the status stream hears every change that matches, once and in order, between where it began and where it
 * stands, over crashes of host and process, interruptions and slowness; or is told of a gap, and that only where there is a reason.
 *
 * What should have been heard is read from the disk.
 */
import { isAboutEvent, statusesOf } from '../../engine/event/record.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { type CursorPositions, decodeCursor } from '../../engine/status/cursor.js';
import type { SimulatedClient } from '../support/simulated-audience.js';
import { GoneRecord } from '../support/simulated-disk.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

interface Told {
  readonly seq: number;
  readonly text: string;
}

export class StreamExact implements Checker {
  readonly name = 'stream-exact';
  readonly #scene: Scene;
  readonly #windowIsEndless: boolean;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#windowIsEndless = scene.world.options.replayWindow >= endlessWindow;
  }

  quiet(): void {
    this.#check();
  }

  end(): void {
    this.#check();
    for (const client of this.#scene.world.audience.clients) this.#checkArrived(client);
  }

  #check(): void {
    const { world } = this.#scene;
    for (const partition of world.partitions) {
      // What is read of a damaged log may be a gap; its partition stops.
      if (world.disk.log(partition).isDamaged) continue;
      const stored = this.#stored(partition);
      for (const [number, client] of world.audience.clients.entries()) this.#compare(client, { number, partition, stored });
    }
  }

  #compare(
    client: SimulatedClient,
    { number, partition, stored }: { number: number; partition: PartitionId; stored: ReadonlyMap<number, Stored> },
  ): void {
    if (client.first === null) return;
    let place = this.#positions(client.first)[partition]!;
    let last: number = place ?? 0;
    for (const { cursor, items, gapFrom } of client.batches) {
      const next = this.#positions(cursor)[partition]!;
      if (gapFrom !== null) {
        const from = this.#positions(gapFrom)[partition]!;
        const isRemoved = from !== null && next !== null && !this.#canBeTold(partition, next);
        const isReasonable = from === null || from === next || isRemoved || !this.#windowIsEndless;
        if (!isReasonable) this.#complain(number, `is told of a gap from ${from} to ${next} in partition ${partition}`);
        place = next;
        continue;
      }
      const own = items.filter((item) => item.partition === partition);
      const heard: Told[] = own.map(({ seq, source, status, version }) => ({
        seq,
        text: `${seq} ${source} ${status} v${version}`,
      }));
      for (const { seq } of heard) {
        if (seq <= last) this.#complain(number, `hears ${seq} of partition ${partition} behind ${last}`);
        last = seq;
      }
      // Where it began in a partition that was unknown then is not known here either.
      const from = place ?? (heard[0] === undefined ? next : heard[0].seq - 1);
      if (from !== null && next !== null) this.#compareSpan({ client, number, partition, from, next, stored, heard });
      place = next ?? place;
    }
  }

  /** Whatever the window: not what retention has removed, nor what happened next to an event that stands in what was removed. */
  #canBeTold(partition: PartitionId, seq: Sequence): boolean {
    const log = this.#scene.world.disk.log(partition);
    if (seq < log.beginning) return false;
    const record = log.record(seq);
    if (!isAboutEvent(record)) return true;
    try {
      log.history(seq);
      return true;
    } catch (error) {
      if (!(error instanceof GoneRecord)) throw error;
      return false;
    }
  }

  #compareSpan({ client, number, partition, from, next, stored, heard }: Span): void {
    const expected: string[] = [];
    for (let seq = from + 1; seq <= next; seq++) {
      const change = stored.get(seq);
      const { source, status } = client.filter;
      if (change === undefined) continue;
      if ((source === null || source.includes(change.source)) && (status === null || status.includes(change.status as never)))
        expected.push(change.text);
    }
    const got = heard.map(({ text }) => text).join(', ');
    if (got !== expected.join(', ')) {
      this.#complain(
        number,
        `hears [${got}] between ${from} and ${next} of partition ${partition}, stored is [${expected.join(', ')}]`,
      );
    }
  }

  #checkArrived(client: SimulatedClient): void {
    const { world } = this.#scene;
    const working = world.hosts.flatMap(({ host }) => host.actors.filter(({ phase }) => phase === 'ready'));
    if (client.subscription === null) {
      const isWaiting = world.hosts.length < world.options.hosts;
      if (!isWaiting && !client.isAway) this.#complain(world.audience.clients.indexOf(client), 'has never begun');
      return;
    }
    const place = this.#positions(client.subscription.place());
    for (const { partition } of working) {
      const log = world.disk.log(partition);
      if (log.isDamaged) continue;
      const newest = Math.max(0, ...this.#stored(partition).keys());
      if ((place[partition] ?? newest) < newest) {
        this.#complain(
          world.audience.clients.indexOf(client),
          `stands at ${place[partition]} of ${newest} in partition ${partition}`,
        );
      }
    }
  }

  /** By sequence. */
  #stored(partition: PartitionId): Map<number, Stored> {
    const stored = new Map<number, Stored>();
    const { synced } = this.#scene.world.disk.log(partition);
    for (const records of this.#scene.stored.all(partition).values()) {
      const { source } = decodeSpec(records[0]!.body);
      const statuses = statusesOf(records);
      for (const [index, { seq }] of records.entries()) {
        const status = statuses[index]!;
        if (seq <= synced) stored.set(seq, { source, status, text: `${seq} ${source} ${status} v${index + 1}` });
      }
    }
    return stored;
  }

  #positions(cursor: string): CursorPositions {
    return decodeCursor(cursor, this.#scene.world.options.partitions)!;
  }

  #complain(client: number, detail: string): never {
    throw new BrokenPromise(this.name, `client ${client} ${detail}`);
  }
}

interface Stored {
  readonly source: string;
  readonly status: string;
  readonly text: string;
}

interface Span {
  readonly client: SimulatedClient;
  readonly number: number;
  readonly partition: PartitionId;
  readonly from: number;
  readonly next: number;
  readonly stored: ReadonlyMap<number, Stored>;
  readonly heard: readonly Told[];
}

/** A window that no history leaves. */
export const endlessWindow = 1_000_000;
