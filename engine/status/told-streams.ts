/**
 * Whose changes does this node tell to others than its callers, over NATS? Each change once in a cluster, so: a node alone those of all
 * partitions, in one stream; a member of a cluster those of the partitions that it owns, in a stream for each (`cluster/peers/owned-streams.ts`), since each
 * comes and goes by itself.
 *
 * Whoever tells remembers under the stream's name how far it has come. What the next one tells twice bears the same ids.
 */
import type { StatusFilter } from './filter.js';
import type { Subscription } from './status-hub.js';
import type { StatusListener } from './subscriber.js';

export interface ToldStream {
  /** The same whoever tells it. Fit for the end of a subject. */
  readonly name: string;
  readonly partitions: readonly number[];
  /** Another node may tell it next, and goes on where this one has ended. */
  readonly isHandedOn: boolean;
  /** The place before its first change, where nobody has told of it yet. Null: what was before this process is nobody's to tell. */
  readonly beginning: string | null;
  /** As `Engine.subscribe`. */
  subscribe(filter: StatusFilter, listener: StatusListener, cursor: string | null): Promise<Subscription>;
}

export interface ToldStreamsListener {
  begun(stream: ToldStream): void;
  ended(stream: ToldStream): void;
}

export interface ToldStreams {
  /** Calls `begun` for those that there are, at once. The result ends that. */
  watch(listener: ToldStreamsListener): () => void;
}

/** Of a node alone. */
export class OneStream implements ToldStreams {
  readonly #stream: ToldStream;

  constructor({
    name,
    partitions,
    subscribe,
  }: {
    readonly name: string;
    readonly partitions: number;
    readonly subscribe: ToldStream['subscribe'];
  }) {
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    this.#stream = { name, partitions: all, isHandedOn: false, beginning: null, subscribe };
  }

  watch(listener: ToldStreamsListener): () => void {
    listener.begun(this.#stream);
    return () => undefined;
  }
}
