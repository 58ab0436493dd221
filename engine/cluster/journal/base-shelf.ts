/**
 * The bases of one partition: its log as far as it is sealed, outside of the journal, so that the journal need not keep it.
 *
 *     ESCAPEMENT_BASES     one stream for all partitions
 *         escapement.b.<p>.<epoch>.<first>     one base: records from `first` on, in parts
 *
 * A part is laid out as an entry of the journal (`journal-entry.ts`): so it is verified in the same way, by its sum and by the chain, and taken
 * into a copy by the same code. A base is begun by the owner of one epoch, and only it adds to it; who comes after it begins another one behind it.
 * What is in a base never changes. It need not be complete to be of use: each part continues the chain of the one before.
 *
 * Plain messages instead of the client's object store: that puts an object anew from its beginning when a connection breaks, has no list for one
 * partition, and hands out 256 MiB as fast as they come whether somebody takes them or not.
 *
 * One of the files that know the client's packages. Owned by one thread.
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { DamageError } from '../../log/damage.js';
import { EntrySubject } from './entry-subject.js';
import type { Entry, StoredEntry } from './journal-entry.js';
import { newestWithin } from './journal-place.js';
import { baseStream, baseSubject } from './log-streams.js';
import type { StreamClients, StreamDoor } from './stream-door.js';

export interface BaseName {
  readonly epoch: number;
  readonly first: Sequence;
}

/** A base as far as it goes by now. */
export interface Base extends BaseName {
  readonly last: Sequence;
  /** Chain value at `last`. */
  readonly chain: number;
  /** Of its newest part. */
  readonly place: number;
}

export class BaseShelf {
  readonly #door: StreamDoor;
  readonly #partition: PartitionId;

  constructor({ door, partition }: { readonly door: StreamDoor; readonly partition: PartitionId }) {
    this.#door = door;
    this.#partition = partition;
  }

  /** In the order of their beginnings. One whose newest part cannot be read is left out. */
  async list(): Promise<Base[]> {
    const names = await this.#door.ask((clients) => this.#names(clients));
    const bases: Base[] = [];
    for (const name of names) {
      const newest = await ifSound(() => this.#parts(name).newest());
      if (newest !== null) bases.push({ ...name, last: newest.last, chain: newest.chain, place: newest.place });
    }
    return bases.sort((one, other) => one.first - other.first || one.epoch - other.epoch);
  }

  /** The part of `base` that holds `seq`, or begins behind it. Null: there is none. Throws DamageError. */
  async partWith(base: Base, seq: Sequence): Promise<StoredEntry | null> {
    const parts = this.#parts(base);
    const low = await parts.from(0);
    if (low === null || low.last >= seq) return low;
    const high = await parts.newest();
    if (high === null || high.last < seq) return null;
    const before = await newestWithin((place) => parts.from(place), { low, high, upTo: (seq - 1) as Sequence });
    return parts.from(before.place + 1);
  }

  /** The first part behind `place`. Throws DamageError. */
  partBehind(base: BaseName, place: number): Promise<StoredEntry | null> {
    return this.#parts(base).from(place + 1);
  }

  /** Adds a part behind the one at `after` (0: it is the first) and reads it again. Null: somebody else has added to it. */
  async add(base: BaseName, part: Entry, after: number): Promise<number | null> {
    const result = await this.#parts(base).publish(part, after);
    if (result.kind === 'refused') return null;
    const stored = await this.#parts(base).from(result.place);
    if (stored?.place !== result.place || stored.chain !== part.chain)
      throw new DamageError('broken', `a part of a base of partition ${this.#partition} is not what was written`);
    return result.place;
  }

  async remove(base: BaseName): Promise<void> {
    const filter = baseSubject(this.#partition, base);
    await this.#door.ask(({ manager }) => manager.streams.purge(baseStream, { filter }));
  }

  async #names({ manager }: StreamClients): Promise<BaseName[]> {
    const { state } = await manager.streams.info(baseStream, { subjects_filter: baseSubject(this.#partition, null) });
    return Object.keys(state.subjects ?? {}).map((subject) => {
      const [, , , epoch, first] = subject.split('.');
      return { epoch: Number(epoch), first: Number(first) as Sequence };
    });
  }

  #parts(base: BaseName): EntrySubject {
    return new EntrySubject({ door: this.#door, stream: baseStream, subject: baseSubject(this.#partition, base) });
  }
}

async function ifSound<Value>(read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof DamageError)) throw error;
    return null;
  }
}
