/**
 * What an actor remembers of every event that is not finished: one row of numbers each, in parallel typed arrays.
 *
 * A JavaScript object with these fields costs 200-300 bytes and is walked by every garbage collection; a row costs at most 106
 * bytes and is never looked at. Rows come in chunks of 16,384: a table that doubled would copy gigabytes in one tick, and
 * would need both copies at that moment. Only the first chunk begins small and grows, in two steps that copy less than 1 MB: most
 * partitions, and all of the simulator's, never hold more, and a whole one for each cost it half of its time.
 *
 * What most events do not have is 0 in its column, and a column takes memory in a chunk only from the first other value on
 * (`sparse.ts`): 54 bytes a row for events without a key that nothing has happened to since they were accepted. So columns hold what differs:
 * `changes` instead of the version, the body by how far it lies before the newest record, what is due by how long after the time asked for.
 *
 * A row is named by its handle. Freed rows are used again, last freed first, so that live rows stay dense; `generation`
 * tells a reused row from the one that somebody remembered.
 *
 * `chunkOf` is the one list of columns. A snapshot walks it (`gather`, `scatter`), so whoever adds a column adds a line there and
 * nothing else to have it remembered.
 */
import type { Handle, Sequence, WallMs } from '../kernel/brand.js';
import { invariant } from '../kernel/errors.js';
import type { EventId } from '../kernel/event-id.js';
import { eventIdBytes } from '../kernel/event-id.js';
import { pendingPerPartitionMax } from '../kernel/limits.js';
import { tallyPlace } from '../event/label-filter.js';
import type { Labels } from '../event/labels.js';
import { type DeliveryType, deliveryTypes } from '../event/spec.js';
import { type EventStatus, eventStatuses } from '../event/status.js';
import { NewestInBlocks } from './newest-in-blocks.js';
import { packRows, type Run, runsOf, unpackRows } from './packed-rows.js';
import { bodySeqAt, firstVersion, type RowSpan, versionAt } from './row-filter.js';
import { bytesFor, doublesFor, isShared, sparseRowsMax, wordsFor, zeroBytes, zeroDoubles, zeroWords } from './sparse.js';

const chunkRows = sparseRowsMax;
const chunkShift = 14;
const chunkMask = chunkRows - 1;
/** Of the first chunk, and by how much it grows until it is one like the others. */
const firstRows = 1_024;
const growth = 4;
/** Rows are copied by runs when these are as long on average. */
const rowsPerRunMin = 16;

/**
 * Each field is a column: a typed array with an element, or sixteen, for each row. Those that begin with zeros are written through
 * `sparse.ts` only.
 */
const chunkOf = (rows: number) => ({
  id: new Uint8Array(rows * eventIdBytes),
  tagHigh: zeroWords,
  tagLow: zeroWords,
  /** By how much the body's sequence is below the newest one. */
  bodyBehind: zeroDoubles,
  newestSeq: new Float64Array(rows),
  scheduledAt: new Float64Array(rows),
  /** From `scheduledAt` to when it is due. */
  dueAfter: zeroDoubles,
  expiresAt: zeroDoubles,
  /** Its version less the first. */
  changes: zeroWords,
  origin: zeroWords,
  source: zeroWords,
  type: zeroWords,
  destination: zeroWords,
  signatureHigh: zeroWords,
  signatureLow: zeroWords,
  attempts: zeroWords,
  attemptsInRun: zeroBytes,
  status: zeroBytes,
  maxRetries: new Uint8Array(rows),
  priority: new Uint8Array(rows),
  deliveryType: zeroBytes,
});

type Chunk = ReturnType<typeof chunkOf>;
type ColumnArray = Chunk[keyof Chunk];

/** The columns in the order in which `gather` lays them out. */
export const columnForms = (Object.entries(chunkOf(1)) as [keyof Chunk, ColumnArray][]).map(([name, array]) => ({
  name,
  bytesPerRow: name === 'id' ? eventIdBytes : array.BYTES_PER_ELEMENT,
}));

/** A row as it is first written. */
export interface NewRow {
  /** The id is in these bytes, from `idAt` on. */
  readonly id: Uint8Array;
  readonly idAt: number;
  readonly tagHigh: number;
  readonly tagLow: number;
  readonly seq: Sequence;
  readonly scheduledAtMs: WallMs;
  readonly dueAtMs: WallMs;
  /** 0 when none. */
  readonly expiresAtMs: number;
  readonly origin: number;
  readonly labels: Labels;
  readonly maxRetries: number;
  readonly priority: number;
  readonly deliveryType: DeliveryType;
  readonly version: number;
  readonly attempts: number;
}

/** What a new spec changes in a row. */
export type ChangedRow = Omit<NewRow, 'id' | 'idAt' | 'tagHigh' | 'tagLow' | 'version' | 'attempts'>;

const scheduled = eventStatuses.indexOf('SCHEDULED');

export class EventColumns {
  readonly #chunks: Chunk[] = [];
  /** Of rows, not of events: how often each was freed. */
  readonly #generations: Uint32Array<ArrayBuffer>[] = [];
  /** Freed handles; the last one is used next. */
  readonly #free: number[] = [];
  readonly #newest = new NewestInBlocks();
  #rows = 0;
  /** So many rows fit into the chunks. */
  #room = 0;

  /** Live rows. */
  get size(): number {
    return this.#rows - this.#free.length;
  }

  /** Every handle ever given out is below this: the bound of a scan. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows from `handle` on that lie together, for a scan. Null behind the last one. */
  span(handle: number): RowSpan | null {
    if (handle >= this.#rows) return null;
    const at = handle & chunkMask;
    return { rows: this.#chunks[handle >>> chunkShift]!, at, end: Math.min(chunkRows, at + this.#rows - handle) };
  }

  /** No event in the block of this row (`newest-in-blocks.ts`) was created later; ms. */
  newestAt(row: number): number {
    return this.#newest.boundAt(row);
  }

  add(row: NewRow): Handle {
    const handle = this.#allocate();
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const rows = rowsOf(chunk);
    const at = handle & chunkMask;
    const { id, idAt } = row;
    for (let byte = 0; byte < eventIdBytes; byte++) chunk.id[at * eventIdBytes + byte] = id[idAt + byte]!;
    this.#newest.note(handle, id, idAt);
    chunk.tagHigh = wordsFor(chunk.tagHigh, row.tagHigh, rows);
    chunk.tagHigh[at] = row.tagHigh;
    chunk.tagLow = wordsFor(chunk.tagLow, row.tagLow, rows);
    chunk.tagLow[at] = row.tagLow;
    chunk.newestSeq[at] = row.seq;
    const changes = row.version - firstVersion;
    chunk.changes = wordsFor(chunk.changes, changes, rows);
    chunk.changes[at] = changes;
    chunk.attempts = wordsFor(chunk.attempts, row.attempts, rows);
    chunk.attempts[at] = row.attempts;
    chunk.attemptsInRun[at] = 0;
    chunk.status[at] = scheduled;
    this.setBody(handle, row);
    return handle;
  }

  /** The event has another spec from now on, to be read at `seq`. */
  setBody(handle: Handle, row: ChangedRow): void {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const rows = rowsOf(chunk);
    const at = handle & chunkMask;
    const { source, type, destination, signatureHigh, signatureLow } = row.labels;
    const behind = chunk.newestSeq[at]! - row.seq;
    const dueAfter = row.dueAtMs - row.scheduledAtMs;
    const deliveryType = deliveryTypes.indexOf(row.deliveryType);
    chunk.bodyBehind = doublesFor(chunk.bodyBehind, behind, rows);
    chunk.bodyBehind[at] = behind;
    chunk.scheduledAt[at] = row.scheduledAtMs;
    chunk.dueAfter = doublesFor(chunk.dueAfter, dueAfter, rows);
    chunk.dueAfter[at] = dueAfter;
    chunk.expiresAt = doublesFor(chunk.expiresAt, row.expiresAtMs, rows);
    chunk.expiresAt[at] = row.expiresAtMs;
    chunk.origin = wordsFor(chunk.origin, row.origin, rows);
    chunk.origin[at] = row.origin;
    chunk.source = wordsFor(chunk.source, source, rows);
    chunk.source[at] = source;
    chunk.type = wordsFor(chunk.type, type, rows);
    chunk.type[at] = type;
    chunk.destination = wordsFor(chunk.destination, destination, rows);
    chunk.destination[at] = destination;
    chunk.signatureHigh = wordsFor(chunk.signatureHigh, signatureHigh, rows);
    chunk.signatureHigh[at] = signatureHigh;
    chunk.signatureLow = wordsFor(chunk.signatureLow, signatureLow, rows);
    chunk.signatureLow[at] = signatureLow;
    chunk.maxRetries[at] = row.maxRetries;
    chunk.priority[at] = row.priority;
    chunk.deliveryType = bytesFor(chunk.deliveryType, deliveryType, rows);
    chunk.deliveryType[at] = deliveryType;
  }

  free(handle: Handle): void {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const at = handle & chunkMask;
    invariant(chunk.newestSeq[at] !== 0, () => `row ${handle} is freed twice`);
    const rows = rowsOf(chunk);
    // Whoever tells of the end asks where the body was.
    chunk.bodyBehind = doublesFor(chunk.bodyBehind, 1, rows);
    chunk.bodyBehind[at]! -= chunk.newestSeq[at]!;
    chunk.newestSeq[at] = 0;
    const generations = wordsFor(this.#generations[handle >>> chunkShift]!, 1, rows);
    this.#generations[handle >>> chunkShift] = generations;
    generations[at]!++;
    this.#free.push(handle);
  }

  isLive(handle: Handle): boolean {
    return this.#chunks[handle >>> chunkShift]!.newestSeq[handle & chunkMask] !== 0;
  }

  /** A copy: rows move on, answers keep the id. */
  id(handle: Handle): EventId {
    const at = (handle & chunkMask) * eventIdBytes;
    return this.#chunks[handle >>> chunkShift]!.id.slice(at, at + eventIdBytes);
  }

  hasId(handle: Handle, id: EventId): boolean {
    const bytes = this.#chunks[handle >>> chunkShift]!.id;
    const start = (handle & chunkMask) * eventIdBytes;
    // The random end differs first.
    for (let at = eventIdBytes - 1; at >= 0; at--) if (bytes[start + at] !== id[at]) return false;
    return true;
  }

  /** Hash of the id in a row, as `hashOfId`. */
  idHash(handle: Handle): number {
    return hashAt(this.#chunks[handle >>> chunkShift]!.id, (handle & chunkMask) * eventIdBytes);
  }

  tagHigh(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.tagHigh[handle & chunkMask]!;
  }

  tagLow(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.tagLow[handle & chunkMask]!;
  }

  /** Log position of the body; stays in a freed row, so ask `isLive` as well. */
  bodySeq(handle: Handle): Sequence {
    return bodySeqAt(this.#chunks[handle >>> chunkShift]!, handle & chunkMask);
  }

  /** Log position of the newest record; 0 for a freed row. */
  newestSeq(handle: Handle): Sequence {
    return this.#chunks[handle >>> chunkShift]!.newestSeq[handle & chunkMask]! as Sequence;
  }

  /** The time that was asked for. */
  scheduledAtMs(handle: Handle): WallMs {
    return this.#chunks[handle >>> chunkShift]!.scheduledAt[handle & chunkMask]! as WallMs;
  }

  labels(handle: Handle): Labels {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const at = handle & chunkMask;
    return {
      source: chunk.source[at]!,
      type: chunk.type[at]!,
      destination: chunk.destination[at]!,
      signatureHigh: chunk.signatureHigh[at]!,
      signatureLow: chunk.signatureLow[at]!,
    };
  }

  /** When the next attempt may start: the latest of the time asked for and the time accepted or changed; after a failure its next try. */
  dueAtMs(handle: Handle): WallMs {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const at = handle & chunkMask;
    return (chunk.scheduledAt[at]! + chunk.dueAfter[at]!) as WallMs;
  }

  setDueAtMs(handle: Handle, dueAtMs: WallMs): void {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const at = handle & chunkMask;
    const dueAfter = dueAtMs - chunk.scheduledAt[at]!;
    chunk.dueAfter = doublesFor(chunk.dueAfter, dueAfter, rowsOf(chunk));
    chunk.dueAfter[at] = dueAfter;
  }

  /** 0 when none. */
  expiresAtMs(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.expiresAt[handle & chunkMask]!;
  }

  version(handle: Handle): number {
    return versionAt(this.#chunks[handle >>> chunkShift]!, handle & chunkMask);
  }

  origin(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.origin[handle & chunkMask]!;
  }

  generation(handle: Handle): number {
    return this.#generations[handle >>> chunkShift]![handle & chunkMask]!;
  }

  attempts(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.attempts[handle & chunkMask]!;
  }

  /** Since it was accepted or an operator has retried it: what its budget of retries counts. */
  attemptsInRun(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.attemptsInRun[handle & chunkMask]!;
  }

  /** One more attempt. */
  countAttempt(handle: Handle): void {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const rows = rowsOf(chunk);
    const at = handle & chunkMask;
    chunk.attempts = wordsFor(chunk.attempts, 1, rows);
    chunk.attempts[at]!++;
    chunk.attemptsInRun = bytesFor(chunk.attemptsInRun, 1, rows);
    chunk.attemptsInRun[at]!++;
  }

  /** How often the event may be tried again in this run; less than its spec says when its retries were stopped. */
  maxRetries(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.maxRetries[handle & chunkMask]!;
  }

  setMaxRetries(handle: Handle, maxRetries: number): void {
    this.#chunks[handle >>> chunkShift]!.maxRetries[handle & chunkMask] = maxRetries;
  }

  priority(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.priority[handle & chunkMask]!;
  }

  deliveryType(handle: Handle): DeliveryType {
    return deliveryTypes[this.#chunks[handle >>> chunkShift]!.deliveryType[handle & chunkMask]!]!;
  }

  source(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.source[handle & chunkMask]!;
  }

  type(handle: Handle): number {
    return this.#chunks[handle >>> chunkShift]!.type[handle & chunkMask]!;
  }

  /** Where the event is counted in a tally (`label-filter.ts`). */
  tallyPlace(handle: Handle): number {
    const { status, deliveryType } = this.#chunks[handle >>> chunkShift]!;
    return tallyPlace(status[handle & chunkMask]!, deliveryType[handle & chunkMask]!);
  }

  status(handle: Handle): EventStatus {
    return eventStatuses[this.#chunks[handle >>> chunkShift]!.status[handle & chunkMask]!]!;
  }

  /** The event is in `status` by the record at `seq`. */
  advance(handle: Handle, { status, seq }: { status: EventStatus; seq: Sequence }): void {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const rows = rowsOf(chunk);
    const at = handle & chunkMask;
    const place = eventStatuses.indexOf(status);
    chunk.status = bytesFor(chunk.status, place, rows);
    chunk.status[at] = place;
    chunk.bodyBehind = doublesFor(chunk.bodyBehind, 1, rows);
    chunk.bodyBehind[at]! += seq - chunk.newestSeq[at]!;
    chunk.newestSeq[at] = seq;
    chunk.changes = wordsFor(chunk.changes, 1, rows);
    chunk.changes[at]!++;
  }

  /** The event stands at `seq` now, body and all. */
  move(handle: Handle, seq: Sequence): void {
    const chunk = this.#chunks[handle >>> chunkShift]!;
    const at = handle & chunkMask;
    chunk.newestSeq[at] = seq;
    chunk.bodyBehind[at] = 0;
  }

  /** Rows as bytes (`packed-rows.ts`), in the order of `handles`. `renumbered`: what the numbers of origins are there. */
  gather(handles: ArrayLike<number>, renumbered: ReadonlyMap<number, number>): Uint8Array<ArrayBuffer> {
    const runs = runsOf(handles, chunkRows);
    return packRows(handles.length, columnForms, ({ name }) => {
      const values = this.#valuesOf(name, { handles, runs });
      if (values === null) return null;
      if (name === 'origin') renumber(values, renumbered);
      return new Uint8Array(values.buffer);
    });
  }

  /** Adds rows that `gather` has laid out, to columns that have never freed one. */
  scatter(bytes: Uint8Array): { readonly first: Handle; readonly rows: number } {
    invariant(this.#free.length === 0, () => `rows are added behind ${this.#rows}, but ${this.#free.length} of these are free`);
    const { rows, columns } = unpackRows(bytes, columnForms);
    const first = this.#rows as Handle;
    for (let row = 0; row < rows; ) {
      const handle = this.#rows;
      if (handle === this.#room) this.#makeRoom();
      const count = Math.min(rows - row, this.#room - handle);
      const chunk = this.#chunks[handle >>> chunkShift]!;
      for (const { form, values } of columns) {
        // No row has stood there yet.
        if (values === null) continue;
        const { name, bytesPerRow } = form;
        const some = values.subarray(row * bytesPerRow, (row + count) * bytesPerRow);
        new Uint8Array(ownColumn(chunk, name).buffer).set(some, (handle & chunkMask) * bytesPerRow);
      }
      this.#newest.noteAll(handle, count, chunk.id.subarray((handle & chunkMask) * eventIdBytes));
      this.#rows += count;
      row += count;
    }
    return { first, rows };
  }

  /** Null: nothing but zeros. */
  #valuesOf(name: keyof Chunk, { handles, runs }: { handles: ArrayLike<number>; runs: readonly Run[] }): ColumnArray | null {
    // The number of an origin may be another one there.
    if (name !== 'origin' && runs.every(({ row }) => isShared(this.#chunks[row >>> chunkShift]![name]))) return null;
    const Values = this.#chunks[0]![name].constructor as new (length: number) => ColumnArray;
    const perRow = name === 'id' ? eventIdBytes : 1;
    const values = new Values(handles.length * perRow);
    // A view for each run costs as much as the values of many rows.
    if (runs.length * rowsPerRunMin < handles.length) {
      for (const { place, row, count } of runs) {
        const at = (row & chunkMask) * perRow;
        values.set(this.#chunks[row >>> chunkShift]![name].subarray(at, at + count * perRow), place * perRow);
      }
      return values;
    }
    for (let row = 0; row < handles.length; row++) {
      const column = this.#chunks[handles[row]! >>> chunkShift]![name];
      const at = (handles[row]! & chunkMask) * perRow;
      for (let part = 0; part < perRow; part++) values[row * perRow + part] = column[at + part]!;
    }
    return values;
  }

  #allocate(): Handle {
    const reused = this.#free.pop();
    if (reused !== undefined) return reused as Handle;
    invariant(this.#rows < pendingPerPartitionMax, () => `a partition holds at most ${pendingPerPartitionMax} pending events`);
    if (this.#rows === this.#room) this.#makeRoom();
    return this.#rows++ as Handle;
  }

  #makeRoom(): void {
    const isFirst = this.#room < chunkRows;
    const rows = isFirst ? Math.min(chunkRows, Math.max(firstRows, this.#room * growth)) : chunkRows;
    const chunk = chunkOf(rows);
    let generations = zeroWords;
    if (isFirst && this.#room > 0) {
      const before = this.#chunks[0]!;
      for (const { name } of columnForms) {
        const column = before[name];
        if (!isShared(column)) ownColumn(chunk, name).set(column);
      }
      if (!isShared(this.#generations[0]!)) {
        generations = new Uint32Array(rows);
        generations.set(this.#generations[0]!);
      }
    }
    const at = isFirst ? 0 : this.#chunks.length;
    this.#chunks[at] = chunk;
    this.#generations[at] = generations;
    this.#room = isFirst ? rows : this.#room + rows;
  }
}

/** So many fit into its columns: the first one begins small. */
function rowsOf({ maxRetries }: Chunk): number {
  return maxRetries.length;
}

function renumber(origins: ColumnArray, renumbered: ReadonlyMap<number, number>): void {
  let last = -1;
  let number = 0;
  for (let row = 0; row < origins.length; row++) {
    if (origins[row] !== last) {
      last = origins[row]!;
      number = renumbered.get(last)!;
    }
    origins[row] = number;
  }
}

/** The column to write anything to. */
function ownColumn(chunk: Chunk, name: keyof Chunk): ColumnArray {
  const column = chunk[name];
  if (!isShared(column)) return column;
  const Values = column.constructor as new (length: number) => ColumnArray;
  const own = new Values(rowsOf(chunk));
  (chunk as Record<keyof Chunk, ColumnArray>)[name] = own;
  return own;
}

/** 32 bits of an id. Its last 8 bytes are random and chosen by us, so a fold of them is as good as any hash. */
export function hashOfId(id: EventId): number {
  return hashAt(id, 0);
}

/** The same of an id that begins at `start` in `bytes`. */
export function hashAt(bytes: Uint8Array, start: number): number {
  const first = (bytes[start + 9]! << 24) | (bytes[start + 10]! << 16) | (bytes[start + 11]! << 8) | bytes[start + 12]!;
  return (first ^ (bytes[start + 13]! << 20) ^ (bytes[start + 14]! << 10) ^ bytes[start + 15]!) >>> 0;
}
