/**
 * Who owns which partition: the newest ownership marker of each, and the way to write the next one.
 *
 * A marker is written by compare-and-set on the one before, so their order in the stream is the only arbiter: of two nodes that claim the same partition one
 * finds that it came too late. What the watch tells may be old; a claim on it then fails, and the leader is asked. The leader is also asked when the
 * watch tells of something older than what is known: a replica that lags behind, or a stream that has lost its tail.
 *
 * Invariant: what is known of a partition never goes back but by the leader's word. Main thread.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { readNewest, writeBehind } from '../../nats/compare-and-set.js';
import type { NatsLink } from '../../nats/nats-link.js';
import { type SubjectNews, SubjectWatch } from '../../nats/subject-watch.js';
import { type LogStreamsShape, logStreamOf, markerPattern, markerSubject, partitionOfSubject } from '../journal/log-streams.js';

export interface Owner {
  readonly epoch: number;
  readonly session: string;
  readonly node: string;
  /** It has ended in order: anybody may claim. */
  readonly released: boolean;
  /** Of one that has ended: how long nothing had been started when the marker was written. */
  readonly idleMs?: number;
  /** Place in the stream, behind which the next marker is written. */
  readonly markerSeq: number;
}

export interface OwnerMap {
  /** Null: nobody ever. */
  of(partition: PartitionId): Owner | null;
  watch(listener: (partition: PartitionId, owner: Owner | null) => void): () => void;
}

/** `unknown`: it may have been written; what becomes known of it shows. */
export type MarkerResult = 'written' | 'lost' | 'unknown';

export interface OwnershipParts extends LogStreamsShape {
  readonly link: NatsLink;
  /** A marker that this version cannot read: its partition is left alone. */
  unreadable(partition: PartitionId, detail: string): void;
}

export type Marker = Pick<Owner, 'epoch' | 'session' | 'node' | 'released' | 'idleMs'>;

const apiMsMax = 2_000;
const triesMax = 4;
const pauseMs = 50;
/** Reads of the leader under way at once. */
const readsMax = 64;

export class Ownership implements OwnerMap {
  readonly #parts: OwnershipParts;
  readonly #owners: (Owner | null)[];
  readonly #unreadable = new Set<PartitionId>();
  readonly #watches: readonly SubjectWatch[];
  readonly #listeners = new Set<(partition: PartitionId, owner: Owner | null) => void>();

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.#owners = new Array<Owner | null>(parts.partitions).fill(null);
    this.#watches = Array.from(
      { length: parts.streams },
      (_, stream) =>
        new SubjectWatch({
          link: parts.link,
          stream: logStreamOf(stream as PartitionId, parts.streams),
          pattern: markerPattern,
          news: (news) => this.#hear(news),
          current: (subjects) => this.#checkMissing(stream, subjects),
          interrupted: () => undefined,
        }),
    );
  }

  /** Nothing is being missed at the moment. */
  get isCurrent(): boolean {
    return this.#watches.every((watch) => watch.isCurrent);
  }

  /** Its newest marker can be told from none. */
  isReadable(partition: PartitionId): boolean {
    return !this.#unreadable.has(partition);
  }

  of(partition: PartitionId): Owner | null {
    return this.#owners[partition] ?? null;
  }

  watch(listener: (partition: PartitionId, owner: Owner | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes the marker behind the one that is known, if it may stand there. */
  async write(partition: PartitionId, marker: Marker): Promise<MarkerResult> {
    const known = this.of(partition);
    if (!mayFollow(known, marker)) return 'lost';
    const after = known?.markerSeq ?? 0;
    for (let tries = 0; tries < triesMax; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs * tries));
      if (await this.#tryToWrite(partition, { marker, after })) return 'written';
      if (!(await this.#read(partition))) continue;
      const now = this.of(partition);
      if (now !== null && isSame(now, marker)) return 'written';
      // Else: "wrong last sequence" is said now and then though nothing was written, or the write was lost.
      if ((now?.markerSeq ?? 0) !== after) return 'lost';
    }
    return 'unknown';
  }

  /** Asks the leader for the newest markers. False: it did not answer for all of them. */
  async readAgain(partitions: readonly PartitionId[]): Promise<boolean> {
    let isComplete = true;
    for (let at = 0; at < partitions.length; at += readsMax) {
      const answers = await Promise.all(partitions.slice(at, at + readsMax).map((partition) => this.#read(partition)));
      isComplete &&= answers.every((isRead) => isRead);
    }
    return isComplete;
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  #at(partition: PartitionId): { readonly stream: string; readonly subject: string } {
    return { stream: logStreamOf(partition, this.#parts.streams), subject: markerSubject(partition) };
  }

  async #tryToWrite(partition: PartitionId, { marker, after }: { marker: Marker; after: number }): Promise<boolean> {
    const { connection } = this.#parts.link;
    if (connection === null) return false;
    const { epoch, node, session, released, idleMs } = marker;
    const payload = JSON.stringify({ epoch, node, session, released, idle_ms: idleMs });
    try {
      const result = await writeBehind(connection, { ...this.#at(partition), payload, after }, apiMsMax);
      if (result.kind === 'behind') return false;
      if (result.sequence > (this.of(partition)?.markerSeq ?? 0)) {
        this.#set(partition, { ...marker, markerSeq: result.sequence });
      }
      return true;
    } catch {
      // No answer or a refusal: what the leader has is looked at.
      return false;
    }
  }

  /** Takes the leader's word, whatever was known. False: it did not answer. */
  async #read(partition: PartitionId): Promise<boolean> {
    const { connection } = this.#parts.link;
    if (connection === null) return false;
    const before = this.of(partition);
    try {
      const stored = await readNewest(connection, this.#at(partition), apiMsMax);
      const isOvertaken = this.of(partition) !== before && (this.of(partition)?.markerSeq ?? 0) > (stored?.sequence ?? 0);
      if (!isOvertaken) this.#take(partition, stored);
      return true;
    } catch {
      // Asked again by whoever needs it.
      return false;
    }
  }

  #hear({ subject, sequence, data }: SubjectNews): void {
    const partition = partitionOfSubject(subject);
    if (partition === null || partition >= this.#owners.length) return;
    if (sequence >= (this.of(partition)?.markerSeq ?? 0)) this.#take(partition, { sequence, data });
    else void this.#read(partition);
  }

  #checkMissing(stream: number, subjects: ReadonlySet<string>): void {
    const { partitions, streams } = this.#parts;
    for (let number = stream; number < partitions; number += streams) {
      const partition = number as PartitionId;
      if (this.of(partition) !== null && !subjects.has(markerSubject(partition))) void this.#read(partition);
    }
  }

  #take(partition: PartitionId, stored: { readonly sequence: number; readonly data: Uint8Array } | null): void {
    if (stored === null) {
      this.#unreadable.delete(partition);
      this.#set(partition, null);
      return;
    }
    const marker = readMarker(stored.data);
    if (marker === null) {
      if (!this.#unreadable.has(partition)) this.#parts.unreadable(partition, Buffer.from(stored.data).toString().slice(0, 200));
      this.#unreadable.add(partition);
      return;
    }
    this.#unreadable.delete(partition);
    this.#set(partition, { ...marker, markerSeq: stored.sequence });
  }

  #set(partition: PartitionId, owner: Owner | null): void {
    const before = this.of(partition);
    if (before?.markerSeq === owner?.markerSeq && before?.epoch === owner?.epoch && before?.session === owner?.session) return;
    this.#owners[partition] = owner;
    for (const listener of [...this.#listeners]) listener(partition, owner);
  }
}

/** A release ends its own ownership and no other; a claim begins a later one. Whoever decided on an older view must not write on a newer one. */
export function mayFollow(known: Marker | null, { epoch, session, released }: Marker): boolean {
  if (!released) return epoch > (known?.epoch ?? 0);
  return known !== null && !known.released && known.epoch === epoch && known.session === session;
}

function isSame(one: Marker, other: Marker): boolean {
  return one.epoch === other.epoch && one.session === other.session && one.released === other.released;
}

/** Null for what is none. */
export function readMarker(data: Uint8Array): Marker | null {
  try {
    const { epoch, node, session, released, idle_ms } = JSON.parse(Buffer.from(data).toString()) as Record<string, unknown>;
    const isOne = typeof node === 'string' && typeof session === 'string' && typeof released === 'boolean';
    if (!isOne || !Number.isSafeInteger(epoch)) return null;
    const marker = { epoch: epoch as number, node, session, released };
    return typeof idle_ms === 'number' && idle_ms >= 0 ? { ...marker, idleMs: idle_ms } : marker;
  } catch {
    // No JSON object, so no marker.
    return null;
  }
}
