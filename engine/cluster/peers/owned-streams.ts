/**
 * The changes of the partitions that this node owns, a stream for each as long as it does: what it tells over NATS (`status/told-streams.ts`).
 *
 *     partition is served --> stream begins; its changes come through the watch desk, what lies back from its log
 *     released, lost, dropped --> stream ends; whoever tells remembers how far, and the next owner goes on from there
 *
 * The front's hub has the changes of all partitions, wherever they are; to hear only its own through it a node would make every other one send
 * what nobody here wants. So each owned partition has a hub of its own, which costs nothing while nobody subscribes.
 *
 * Main thread.
 */
import type { ChangeSlice, StatusChange } from '../../event/status-change.js';
import { noSequence, type PartitionId, type Sequence } from '../../kernel/brand.js';
import { inStep } from '../../kernel/in-step.js';
import type { EngineError } from '../../kernel/errors.js';
import type { StatusFilter } from '../../status/filter.js';
import { MarkedStream } from '../../status/marked-stream.js';
import type { Span } from '../../status/past-changes.js';
import { StatusHub, type Subscription } from '../../status/status-hub.js';
import type { StatusListener } from '../../status/subscriber.js';
import type { ToldStream, ToldStreams, ToldStreamsListener } from '../../status/told-streams.js';
import type { WatchAnswer, WatchDesk, Watcher } from './watch-desk.js';

export interface OwnedStreamsParts {
  /** Of the cluster. */
  readonly partitions: number;
  /** Marks the cursors, and names what is remembered. */
  readonly streamId: string;
  readonly replayWindow: number;
  readonly watchDesk: Pick<WatchDesk, 'watch'>;
  /** From the log, of a partition that is owned here. */
  read(span: Span, done: (answer: ChangeSlice | EngineError) => void): void;
  listenerFailed(error: unknown): void;
}

const tickMs = 1_000;

export class OwnedStreams implements ToldStreams {
  readonly #parts: OwnedStreamsParts;
  readonly #streams = new Map<PartitionId, OwnedStream>();
  readonly #listeners = new Set<ToldStreamsListener>();
  readonly #endTimer: () => void;

  constructor(parts: OwnedStreamsParts) {
    this.#parts = parts;
    this.#endTimer = inStep(tickMs, () => {
      for (const stream of this.#streams.values()) stream.tick();
    });
  }

  watch(listener: ToldStreamsListener): () => void {
    this.#listeners.add(listener);
    for (const stream of this.#streams.values()) listener.begun(stream);
    return () => this.#listeners.delete(listener);
  }

  /** This node takes requests for it now. */
  serves(partition: PartitionId): void {
    if (this.#streams.has(partition)) return;
    const stream = new OwnedStream(partition, this.#parts);
    this.#streams.set(partition, stream);
    for (const listener of [...this.#listeners]) listener.begun(stream);
  }

  ends(partition: PartitionId): void {
    const stream = this.#streams.get(partition);
    if (stream === undefined) return;
    this.#streams.delete(partition);
    for (const listener of [...this.#listeners]) listener.ended(stream);
    stream.end();
  }

  close(): void {
    this.#endTimer();
    for (const partition of [...this.#streams.keys()]) this.ends(partition);
  }
}

class OwnedStream implements ToldStream, Watcher {
  readonly name: string;
  readonly partitions: readonly number[];
  readonly isHandedOn = true;
  readonly beginning: string;
  readonly #partition: PartitionId;
  readonly #desk: OwnedStreamsParts['watchDesk'];
  readonly #hub: StatusHub;
  readonly #marked: MarkedStream;

  constructor(partition: PartitionId, parts: OwnedStreamsParts) {
    const { partitions, streamId, replayWindow, watchDesk, read, listenerFailed } = parts;
    this.name = `${streamId}.${partition}`;
    this.partitions = [partition];
    this.#partition = partition;
    this.#desk = watchDesk;
    this.#hub = new StatusHub({
      // Of the others nothing is ever known here.
      partitions,
      hosts: 1,
      hostOf: () => 0,
      replayWindow,
      watch: ({ on, round }) => watchDesk.watch(this, { partition, on, round }),
      read,
      soon: setImmediate,
      listenerFailed,
    });
    this.#marked = new MarkedStream({ hub: this.#hub, id: streamId });
    const others = new Array<Sequence | null>(partitions).fill(null);
    this.beginning = this.#marked.placeAt(others.with(partition, noSequence));
  }

  subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription> {
    return this.#marked.subscribe(filter, listener, cursor);
  }

  /**
   * Whoever subscribes waits until it is known where the partition stands: a cursor without that means "from its next record on", and the next owner
   * that goes on from there would leave out what nobody has told.
   */
  watching({ partition, round, position }: WatchAnswer): void {
    if (position !== null) this.#hub.watching({ host: 0, round, positions: [[partition, position]] });
  }

  changes(changes: readonly StatusChange[]): void {
    this.#hub.publish(changes);
  }

  tick(): void {
    this.#hub.tick();
  }

  end(): void {
    this.#desk.watch(this, { partition: this.#partition, on: false, round: 0 });
  }
}
