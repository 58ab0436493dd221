/**
 * Lists of one partition: which events come next, and how they are now.
 *
 *     list:  (memory) --walked over--> (indexes) --enough, or all--> (memory, what has finished since) --> reply
 *     views: newest record of each event --durable--> reader --> reply
 *
 * Memory is walked over in steps of a turn's spare time, indexes by the reader in slices; so a list of ten million events
 * delays no tick. When its time is over a list is answered with what is certain. That is nothing as long as memory has
 * not been walked over whole; the walk is kept, and goes on when the same question comes again.
 *
 * Memory first: what leaves it while the indexes are read has been met, and what finishes is walked over once more.
 */
import { entryBytes, type ListPlace, type ListQuery, nearest } from '../../event/event-list.js';
import { isFinished } from '../../event/status.js';
import type { MonoMs } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import { eventIdBytes } from '../../kernel/event-id.js';
import { listsOpenMax, listWorkMs } from '../../kernel/limits.js';
import type { ReaderReply } from '../../log/protocol.js';
import { MemoryScan } from '../../partition/memory-scan.js';
import { TopRows } from '../../partition/top-rows.js';
import type { Answers } from './answers.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger, Loss } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Enquiry } from '../requests.js';
import type { Timekeeper } from '../firing/timekeeper.js';

type ListRequest = Extract<Enquiry, { readonly op: 'list' }>;
type ViewsRequest = Extract<Enquiry, { readonly op: 'views' }>;

export interface ListDeskParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
}

interface Walk {
  readonly top: TopRows;
  readonly scan: MemoryScan;
}

interface OpenList extends Walk {
  readonly request: number;
  readonly query: ListQuery;
  readonly endsAt: MonoMs;
  /** Out of indexes. */
  readonly found: Uint8Array[];
  /** How far indexes have been read. */
  indexed: ListPlace | 'end';
  phase: 'memory' | 'indexes' | 'finished since';
}

/** Walks that ended before their end, the one asked for longest ago first out. */
const keptWalksMax = 4;

export class ListDesk {
  readonly #parts: ListDeskParts;
  readonly #lists: OpenList[] = [];
  /** By the question. */
  readonly #kept = new Map<string, Walk>();

  constructor(parts: ListDeskParts) {
    this.#parts = parts;
  }

  /** There is something to walk over. */
  get hasWork(): boolean {
    return this.#lists.some(({ phase }) => phase !== 'indexes');
  }

  receive(enquiry: ListRequest | ViewsRequest): void {
    if (enquiry.op === 'list') this.#begin(enquiry);
    else this.#tellViews(enquiry);
  }

  /** One step of each list in turn, until `isOver`; at least one step. */
  step(isOver: () => boolean): void {
    for (let at = 0; at < this.#lists.length; ) {
      const list = this.#lists[at]!;
      if (list.phase === 'indexes') {
        at++;
        continue;
      }
      while (this.#stepOn(list)) if (isOver()) return;
      if (isOver()) return;
    }
  }

  discard({ detail }: Loss): void {
    for (const { request } of this.#lists) this.#parts.answers.refuse(request, 'partition-unavailable', detail);
    this.#lists.length = 0;
    this.#kept.clear();
  }

  #begin({ request, query }: ListRequest): void {
    if (this.#lists.length >= listsOpenMax) {
      this.#parts.answers.refuse(request, 'overloaded', `${this.#lists.length} lists are being made`);
      return;
    }
    const endsAt = (this.#now() + listWorkMs) as MonoMs;
    const walk = this.#takeKept(query) ?? this.#newWalk(query);
    this.#lists.push({ ...walk, request, query, endsAt, found: [], indexed: 'end', phase: 'memory' });
  }

  #newWalk(query: ListQuery): Walk {
    const { filter, order, limit } = query;
    // One more than are asked for: rows may be passed over unseen, and it is to be told all the same whether anything follows.
    const top = new TopRows({ ...query, limit: limit + 1 });
    return { top, scan: new MemoryScan({ state: this.#parts.memory.state, filter, taker: top, order }) };
  }

  /** False when nothing is left to walk over in this phase. */
  #stepOn(list: OpenList): boolean {
    if (!list.scan.step()) {
      if (this.#now() < list.endsAt || list.phase !== 'memory') return true;
      this.#keep(list);
      this.#answer(list, { isCertain: false });
      return false;
    }
    if (list.phase === 'finished since' || !wantsFinished(list.query)) {
      this.#answer(list, { isCertain: true });
      return false;
    }
    list.phase = 'indexes';
    this.#readIndexes(list, list.query.after);
    return false;
  }

  #readIndexes(list: OpenList, after: ListPlace | null): void {
    const { memory, shared, answers } = this.#parts;
    const { query, top } = list;
    // What follows the last of a whole page is not wanted.
    const until = top.coverage === 'end' ? null : top.coverage;
    shared.reads.ask({ op: 'list', partition: memory.state.partition, query: { ...query, after, until } }, (reply) => {
      if (memory.isDiscarded) return;
      if (reply.op === 'failed') {
        this.#remove(list);
        answers.refuseRead(list.request, reply);
      } else this.#tookIndexes(list, expectListed(reply));
    });
  }

  #tookIndexes(list: OpenList, { entries, coverage }: Extract<ReaderReply, { op: 'listed' }>): void {
    list.found.push(entries);
    list.indexed = coverage;
    const isEnough = list.found.reduce((bytes, each) => bytes + each.length, 0) >= list.query.limit * entryBytes;
    if (coverage !== 'end' && !isEnough && this.#now() < list.endsAt) {
      this.#readIndexes(list, coverage);
      return;
    }
    list.scan.catchUp();
    list.phase = 'finished since';
  }

  #answer(list: OpenList, { isCertain }: { readonly isCertain: boolean }): void {
    this.#remove(list);
    const { ledger, answers, shared } = this.#parts;
    const { request, top, found, indexed, query } = list;
    const listed = isCertain
      ? { entries: Buffer.concat([top.entries, ...found]), coverage: nearest(query, [top.coverage, indexed]) }
      : ({ entries: new Uint8Array(0), coverage: 'nothing' } as const);
    // An event may have been left out by something that a failed commit would take back.
    ledger.hold({
      happen: () => shared.ports.reply({ op: 'listed', request, ...listed }),
      voided: ({ detail }) => answers.refuse(request, 'partition-unavailable', detail),
    });
  }

  #remove(list: OpenList): void {
    this.#lists.splice(this.#lists.indexOf(list), 1);
  }

  // ---- walks that go on another time ----

  #keep({ query, top, scan }: OpenList): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= keptWalksMax) this.#kept.delete(oldest!);
    this.#kept.set(questionOf(query), { top, scan });
  }

  #takeKept(query: ListQuery): Walk | null {
    if (this.#kept.size === 0) return null;
    const question = questionOf(query);
    const walk = this.#kept.get(question) ?? null;
    this.#kept.delete(question);
    // What has finished between the two calls may have been among the pending rows that are still to come.
    walk?.scan.catchUp();
    return walk;
  }

  // ---- views ----

  /** As of now: the newest record of each, read when it is durable. One that is in no memory is looked for in the indexes. */
  #tellViews({ request, events }: ViewsRequest): void {
    const { memory, shared, answers, ledger, timekeeper } = this.#parts;
    const { state } = memory;
    const asked = idsIn(events).map((event) => {
      const handle = state.handleOf(event);
      const newest = handle === null ? state.finished.seqOf(event) : state.columns.newestSeq(handle);
      return { event, newest, waitingFor: handle === null ? null : timekeeper.reasonToWait(event) };
    });
    ledger.hold({
      happen: () => {
        const newest = asked.map(({ event, newest }) => ({ event, newest }));
        shared.reads.ask({ op: 'views', partition: state.partition, events: newest }, (reply) => {
          if (reply.op === 'failed') answers.refuseRead(request, reply);
          if (reply.op !== 'views') return;
          const views = reply.views.map((view, place) => {
            const waitingFor = asked[place]!.waitingFor;
            return view === null || isFinished(view.status) ? view : { ...view, waitingFor };
          });
          shared.ports.reply({ op: 'views', request, views });
        });
      },
      voided: ({ detail }) => answers.refuse(request, 'partition-unavailable', detail),
    });
  }

  #now(): MonoMs {
    return this.#parts.shared.ports.clock.monoMs();
  }
}

function wantsFinished({ filter }: ListQuery): boolean {
  return filter.status?.some(isFinished) ?? true;
}

function questionOf(query: ListQuery): string {
  const { after } = query;
  return JSON.stringify({ ...query, after: after === null ? null : [after.ms, Buffer.from(after.id).toString('hex')] });
}

function idsIn(bytes: Uint8Array): Uint8Array[] {
  const ids: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += eventIdBytes) ids.push(bytes.slice(at, at + eventIdBytes));
  return ids;
}

function expectListed(reply: ReaderReply): Extract<ReaderReply, { op: 'listed' }> {
  if (reply.op !== 'listed') throw new InvariantError(`expected a list, found ${reply.op}`);
  return reply;
}
