/**
 * Statistics of one source or type: counts of what is retained, and what waits. Flows are the host's (`label-flows.ts`).
 *
 * The counts are sums that the state keeps (`partition/label-sums.ts`). Those that wait are looked for among the places of all pending events,
 * a bit each.
 *
 * Where there are more labels than are summed, the rows of memory are counted, in the spare time of turns like a list; indexes hold sums of
 * their own. An event that an operator has put back may have a final record in an index as well, which no longer counts: the filters of the
 * segments say which events of memory may, and the reader which of these do.
 */
import { addTally, emptyTally, hashesOf, type LabelHashes, type Tally, tallyPlace } from '../../event/label-filter.js';
import { waitReasons } from '../../event/status.js';
import type { Handle, Sequence, WallMs } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import { type EventId, eventIdBytes } from '../../kernel/event-id.js';
import { listsOpenMax } from '../../kernel/limits.js';
import type { ListedRows, RowSpan } from '../../partition/row-filter.js';
import type { Answers } from './answers.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger, Loss } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Enquiry } from '../requests.js';
import type { Timekeeper } from '../firing/timekeeper.js';

export interface TallyDeskParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly timekeeper: Timekeeper;
  readonly ledger: Ledger;
}

interface Source {
  span(row: number): RowSpan | null;
}

interface OpenTally {
  readonly request: number;
  readonly labels: LabelHashes;
  readonly tally: Tally;
  readonly waiting: number[];
  oldestDueAtMs: WallMs | null;
  /** Events of memory that may have a final record in an index. */
  readonly doubtful: EventId[];
  readonly sources: Source[];
  /** The tally holds all of them from the beginning. */
  readonly isSummed: boolean;
  /** Segments that are not among the sources: what gets its index meanwhile is counted here. */
  readonly indexed: readonly Sequence[];
  row: number;
  /** Pending events before it have been asked whether they wait. */
  nextWaiting: number;
  isWalked: boolean;
}

const stepRows = 2_048;
/** Places looked at in one step: 30 us. */
const stepPlaces = 65_536;
/** Of them. One that counts takes some microseconds, and every turn has a step: with 2,048 of them none was on time. */
const stepCountedMax = 128;

export class TallyDesk {
  readonly #memory: PartitionMemory;
  readonly #shared: HostShared;
  readonly #answers: Answers;
  readonly #timekeeper: Timekeeper;
  readonly #ledger: Ledger;
  readonly #open: OpenTally[] = [];
  readonly #id: EventId = new Uint8Array(eventIdBytes);

  constructor({ memory, shared, answers, timekeeper, ledger }: TallyDeskParts) {
    this.#memory = memory;
    this.#shared = shared;
    this.#answers = answers;
    this.#timekeeper = timekeeper;
    this.#ledger = ledger;
  }

  get hasWork(): boolean {
    return this.#open.some(({ isWalked }) => !isWalked);
  }

  receive({ request, labels }: Extract<Enquiry, { readonly op: 'tally' }>): void {
    if (this.#open.length >= listsOpenMax) {
      this.#answers.refuse(request, 'overloaded', `${this.#open.length} statistics are being made`);
      return;
    }
    const { columns, finished } = this.#memory.state;
    const hashes = hashesOf(labels);
    const summed = this.#summed(hashes);
    this.#open.push({
      request,
      labels: hashes,
      tally: summed ?? emptyTally(),
      waiting: waitReasons.map(() => 0),
      oldestDueAtMs: null,
      doubtful: [],
      sources: summed === null ? [...finished.pages, columns] : [],
      isSummed: summed !== null,
      indexed: finished.indexedSegments,
      row: 0,
      nextWaiting: 0,
      isWalked: false,
    });
  }

  /** Null: they have to be counted. */
  #summed(of: LabelHashes): Tally | null {
    const { labels, finished } = this.#memory.state;
    if (!labels.isWhole || !finished.isSummed) return null;
    const tally = emptyTally();
    labels.addTo(tally, of);
    finished.addTo(tally, of);
    return tally;
  }

  /** Goes on until `isOver`; at least one step. */
  step(isOver: () => boolean): void {
    for (const open of [...this.#open]) {
      while (!open.isWalked) {
        this.#walkOn(open);
        if (isOver()) return;
      }
    }
  }

  discard({ detail }: Loss): void {
    for (const { request } of this.#open) this.#answers.refuse(request, 'partition-unavailable', detail);
    this.#open.length = 0;
  }

  #walkOn(open: OpenTally): void {
    const [source] = open.sources;
    const span = source?.span(open.row) ?? null;
    if (source === undefined) {
      if (open.nextWaiting < this.#memory.state.columns.rows) this.#askWhoWaits(open);
      else this.#end(open);
    } else if (span === null) {
      open.sources.shift();
      open.row = 0;
    } else {
      const end = Math.min(span.end, span.at + stepRows);
      const isPending = source === this.#memory.state.columns;
      let counted = 0;
      for (let at = span.at; at < end && counted < stepCountedMax; at++, open.row++) {
        if (!isMeant(open.labels, span.rows, at)) continue;
        this.#count(open, span.rows, at, isPending ? (open.row as Handle) : null);
        counted++;
      }
    }
  }

  #count(open: OpenTally, rows: ListedRows, at: number, handle: Handle | null): void {
    const { state } = this.#memory;
    const event = this.#idAt(rows, at);
    // A finished event that was put back, or has finished once more, is counted where it is now.
    const newest = handle === null ? state.finished.seqOf(event) : null;
    const isPast = handle === null && (state.handleOf(event) !== null || (newest !== null && newest !== rows.newestSeq[at]));
    if (isPast) return;
    open.tally[tallyPlace(rows.status[at]!, rows.deliveryType[at]!)]!++;
    if (state.finished.mayBeIndexedId(event)) open.doubtful.push(event.slice());
  }

  #askWhoWaits(open: OpenTally): void {
    const { state, places } = this.#memory;
    const { columns } = state;
    const { source, type } = open.labels;
    const end = Math.min(columns.rows, open.nextWaiting + stepPlaces);
    for (let asked = 0; asked < stepCountedMax; asked++) {
      const handle = places.nextWaiting(open.nextWaiting as Handle, end);
      open.nextWaiting = handle === null ? end : handle + 1;
      if (handle === null) return;
      if (!columns.isLive(handle)) continue;
      if ((source === null || columns.source(handle) === source) && (type === null || columns.type(handle) === type))
        this.#countWaiting(open, handle);
    }
  }

  #countWaiting(open: OpenTally, handle: Handle): void {
    const reason = this.#timekeeper.reasonWhyWaits(handle);
    if (reason !== null) open.waiting[waitReasons.indexOf(reason)]!++;
    const dueAtMs = this.#memory.state.columns.dueAtMs(handle);
    if (open.oldestDueAtMs === null || dueAtMs < open.oldestDueAtMs) open.oldestDueAtMs = dueAtMs;
  }

  /** Until the next one: an array for each of a million would be garbage. */
  #idAt({ id }: ListedRows, at: number): EventId {
    for (let byte = 0; byte < eventIdBytes; byte++) this.#id[byte] = id[at * eventIdBytes + byte]!;
    return this.#id;
  }

  #end(open: OpenTally): void {
    open.isWalked = true;
    if (open.isSummed) this.#answer(open);
    else this.#askIndexes(open);
  }

  #askIndexes(open: OpenTally): void {
    const { partition } = this.#memory.state;
    const { labels, doubtful, indexed } = open;
    this.#shared.reads.ask({ op: 'tally', partition, labels, doubtful, indexed }, (reply) => {
      if (!this.#open.includes(open)) return;
      if (reply.op === 'failed') {
        this.#open.splice(this.#open.indexOf(open), 1);
        this.#answers.refuseRead(open.request, reply);
      } else {
        if (reply.op !== 'tally') throw new InvariantError(`expected a tally, found ${reply.op}`);
        addTally(open.tally, reply.tally);
        this.#answer(open);
      }
    });
  }

  #answer(open: OpenTally): void {
    this.#open.splice(this.#open.indexOf(open), 1);
    const { request, labels, tally, waiting, oldestDueAtMs } = open;
    const { flows, ports } = this.#shared;
    // What was counted may be what a failed commit takes back.
    this.#ledger.hold({
      happen: () =>
        ports.reply({
          op: 'tally',
          request,
          tally,
          waiting,
          oldestDueAtMs,
          flows: flows.figures(labels, ports.clock.monoMs()),
          flowsOf: flows.id,
        }),
      voided: ({ detail }) => this.#answers.refuse(request, 'partition-unavailable', detail),
    });
  }
}

function isMeant({ source, type }: LabelHashes, rows: ListedRows, at: number): boolean {
  if (rows.newestSeq[at] === 0) return false;
  return (source === null || rows.source[at] === source) && (type === null || rows.type[at] === type);
}
