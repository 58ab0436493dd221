/**
 * A reader that keeps the protocol of `engine/log/protocol.ts` on the simulated disk: replay in pieces, bodies, views folded
 * by the engine's own fold, facts from indexed segments only, and word of each new index.
 */
import { newestSpecIn } from '../../engine/event/carried-codec.js';
import { specIn } from '../../engine/event/renewal-codec.js';
import { emptyTally } from '../../engine/event/label-filter.js';
import { matchesTexts, matchesView } from '../../engine/event/event-filter.js';
import { comparePlaces, ListEntries, placeOf } from '../../engine/event/event-list.js';
import { decodeSpec, SpecHead } from '../../engine/event/spec-codec.js';
import { historyOf, viewOf } from '../../engine/event/view.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { encodeMessages } from '../../engine/kernel/message-codec.js';
import { ChangeSlices, type RecordSource } from '../../engine/log/reading/change-slices.js';
import { KnownFinals, knownIn } from '../../engine/log/index/known-finals.js';
import type { ReaderReply, ReaderRequest, RetriablePlace, SegmentNotice } from '../../engine/log/protocol.js';
import { RecordBatchBuilder } from '../../engine/log/record-batch.js';
import { RetrySheafBuilder } from '../../engine/log/retry-sheaf.js';
import { bundlesOf, notOver, outdatedSegment } from './simulated-retirement.js';
import { isFinal } from '../../engine/log/index/segment-index.js';
import { SnapshotIntake, sectionsOf } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import { type FilterWords, SegmentFilter } from '../../engine/log/index/segment-filter.js';
import { DamagedRecord, GoneRecord, type SimulatedDisk, type SimulatedLog, type SimulatedSnapshot } from './simulated-disk.js';
import type { Scheduler } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';

const specsPerMessage = 3;
const usualBatchBytes = 2_048;

export interface SimulatedReaderParts {
  readonly scheduler: Scheduler;
  readonly disk: SimulatedDisk;
  readonly weather: Weather;
  readonly reply: (reply: ReaderReply) => void;
  /** For the tests of the checkers: finds no key in any index. */
  readonly forgetsKeys: boolean;
}

interface RunningReplay {
  readonly log: SimulatedLog;
  readonly indexed: ReadonlySet<Sequence>;
  /** Sections of a snapshot that have yet to be sent. */
  readonly sections: Uint8Array<ArrayBuffer>[];
  readonly goal: Sequence;
  next: number;
}

export class SimulatedReader {
  readonly #parts: SimulatedReaderParts;
  readonly #replays = new Map<number, RunningReplay>();
  readonly #underWay = new Set<string>();
  readonly #head = new SpecHead();
  /** There are thousands of readers in a run, and few records in what each sends. */
  readonly #builder = new RecordBatchBuilder(usualBatchBytes);
  readonly #changeSlices = new ChangeSlices();
  #isGone = false;

  constructor(parts: SimulatedReaderParts) {
    this.#parts = parts;
  }

  take(request: ReaderRequest): void {
    if (this.#isGone || request.op === 'close') return;
    try {
      this.#answer(request);
    } catch (error) {
      if (error instanceof GoneRecord) {
        this.#parts.reply({ op: 'failed', tag: request.tag, failure: 'gone', detail: error.message });
        return;
      }
      if (!(error instanceof DamagedRecord)) throw error;
      const isReplay = request.op === 'replay' || request.op === 'replay-next';
      this.#replays.delete(request.tag);
      const failure = isReplay ? 'broken' : 'damaged';
      this.#parts.reply({ op: 'failed', tag: request.tag, failure, detail: error.message });
    }
  }

  /** From the writer. */
  notice(notice: SegmentNotice): void {
    if (!this.#isGone && notice.op === 'opened') this.#buildIndexes(this.#logOf(notice.partition));
  }

  vanish(): void {
    this.#isGone = true;
  }

  #answer(request: Exclude<ReaderRequest, { readonly op: 'close' }>): void {
    const { reply } = this.#parts;
    const { tag } = request;
    switch (request.op) {
      case 'replay': {
        const log = this.#logOf(request.partition);
        this.#buildIndexes(log);
        const segments = log.outline;
        const indexed = new Set(segments.filter(({ filter }) => filter !== null).map(({ first }) => first));
        const snapshot = this.#chooseSnapshot(log);
        const sections = snapshot?.sections.map((section) => section.slice()) ?? [];
        this.#replays.set(tag, { log, indexed, sections, goal: log.last, next: (snapshot?.seq ?? log.beginning - 1) + 1 });
        reply({ op: 'replay-start', tag, segments, damaged: [] });
        this.#continueReplay(tag);
        this.#continueReplay(tag);
        return;
      }
      case 'replay-next':
        this.#continueReplay(tag);
        return;
      case 'outdated':
        reply({ op: 'outdated', tag, segment: outdatedSegment(this.#logOf(request.partition), request.endedBefore) });
        return;
      case 'not-over':
        reply({ op: 'not-over', tag, events: notOver(this.#logOf(request.partition), request) });
        return;
      case 'bundle':
        reply({ op: 'bundles', tag, bundles: bundlesOf(this.#logOf(request.partition), request) });
        return;
      case 'remove':
        this.#logOf(request.partition).removeBefore(request.first);
        reply({ op: 'removed', tag });
        return;
      case 'snapshot':
        this.#takeSnapshot(this.#logOf(request.partition), request);
        return;
      case 'bodies':
        reply({ op: 'bodies', tag, ...this.#bodiesOf(this.#logOf(request.partition), request.seqs) });
        return;
      case 'view':
        reply({ op: 'view', tag, view: viewOf(this.#logOf(request.partition).history(request.newest), request.partition) });
        return;
      case 'history':
        reply({ op: 'history', tag, entries: historyOf(this.#logOf(request.partition).history(request.newest)) });
        return;
      case 'changes': {
        const log = this.#logOf(request.partition);
        const { after, through, changes } = this.#changeSlices.read(sourceOf(log), request);
        reply({ op: 'changes', tag, after, through, changes: encodeMessages(changes) });
        return;
      }
      case 'list': {
        const { after, filter, sort, order } = request.query;
        const direction = order === 'asc' ? 1 : -1;
        const places = this.#finals(request.partition, () => true)
          .map(({ seq }) => viewOf(this.#logOf(request.partition).history(seq), request.partition))
          .filter((view) => matchesView(filter, view))
          .map((view) => placeOf(sort, view))
          .filter((place) => after === null || direction * comparePlaces(place, after) > 0);
        const entries = new ListEntries(places.length);
        for (const { ms, id } of places) entries.add(ms, id);
        reply({ op: 'listed', tag, entries: entries.bytes, coverage: 'end' });
        return;
      }
      case 'tally':
        reply({ op: 'tally', tag, tally: emptyTally() });
        return;
      case 'facts': {
        const log = this.#logOf(request.partition);
        const facts = request.events.flatMap(({ event, newest }) => {
          const id = Buffer.from(event);
          const seq = newest ?? this.#finals(request.partition, (final) => id.equals(final.event))[0]?.seq;
          if (seq === undefined) return [];
          const records = log.history(seq);
          const { id: own, status, version, attempts } = viewOf(records, request.partition);
          const spec = specIn(records.findLast((record) => specIn(record) !== null)!)!;
          return [{ event: own, newest: seq, status, version, attempts, spec }];
        });
        reply({ op: 'facts', tag, facts: encodeMessages(facts) });
        return;
      }
      case 'match': {
        const { bodies } = this.#bodiesOf(this.#logOf(request.partition), request.seqs.slice(0, specsPerMessage));
        const { filter } = request;
        const isMatch = (body: Uint8Array) => body.length > 0 && matchesTexts(filter, decodeSpec(body));
        reply({ op: 'matches', tag, matches: Uint8Array.from(bodies, (body) => (isMatch(body) ? 1 : 0)) });
        return;
      }
      case 'retries': {
        // A few with each message, so that the rest is asked for again.
        const finals = knownIn(request.known).slice(0, specsPerMessage);
        const seqs = finals.map(({ bodySeq }) => bodySeq);
        const { bodies } = this.#bodiesOf(this.#logOf(request.partition), seqs);
        const { filter } = request;
        const retries = new RetrySheafBuilder();
        for (const [place, body] of bodies.entries())
          if (body.length > 0 && matchesTexts(filter, decodeSpec(body))) retries.append(finals[place]!, body);
        reply({ op: 'retries', tag, sheaf: retries.take(), looked: finals.length });
        return;
      }
      case 'indexed-finals':
        reply({ op: 'indexed-finals', tag, ...this.#finalsOfIndexed(request) });
        return;
      case 'views': {
        const log = this.#logOf(request.partition);
        const views = request.events.map(({ event, newest }) => {
          const id = Buffer.from(event);
          const seq = newest ?? this.#finals(request.partition, (final) => id.equals(final.event))[0]?.seq;
          return seq === undefined ? null : viewOf(log.history(seq), request.partition);
        });
        reply({ op: 'views', tag, views });
        return;
      }
      case 'find-id': {
        const id = Buffer.from(request.event);
        reply({ op: 'found', tag, finished: this.#finals(request.partition, ({ event }) => id.equals(event)).slice(0, 1) });
        return;
      }
      case 'find-key': {
        const { tagHigh, tagLow } = request;
        const hasTag = ({ accepted }: Final) => {
          if (this.#parts.forgetsKeys) return false;
          const head = this.#head.at(accepted);
          return head.tagHigh === tagHigh && head.tagLow === tagLow;
        };
        reply({ op: 'found', tag, finished: this.#finals(request.partition, hasTag) });
      }
    }
  }

  #continueReplay(tag: number): void {
    const running = this.#replays.get(tag);
    if (running === undefined) return;
    const { log, indexed, sections, goal, next } = running;
    const section = sections.shift();
    if (section !== undefined) {
      this.#parts.reply({ op: 'replay-section', tag, section, done: 0 });
      return;
    }
    if (next > goal) {
      this.#replays.delete(tag);
      this.#parts.reply({ op: 'replay-done', tag, last: goal });
      for (const { first, filter } of log.segments) {
        if (filter !== null && !indexed.has(first)) this.#tellIndexed(log, first);
      }
      return;
    }
    const count = Math.min(this.#parts.weather.replayBatchRecords, goal - next + 1);
    this.#builder.clear();
    for (const record of log.records(next, count)) this.#builder.append(record);
    running.next += count;
    this.#parts.reply({ op: 'replay-batch', tag, batch: this.#builder.take(), done: running.next / (goal + 1) });
  }

  #bodiesOf(log: SimulatedLog, seqs: readonly Sequence[]): { bodies: Uint8Array[]; damaged: Sequence[] } {
    const damaged: Sequence[] = [];
    const bodies = seqs.map((seq) => {
      try {
        return newestSpecIn(log.read(seq))!;
      } catch (error) {
        if (!(error instanceof DamagedRecord) && !(error instanceof GoneRecord)) throw error;
        damaged.push(seq);
        return new Uint8Array(0);
      }
    });
    return { bodies, damaged };
  }

  /** Final records in indexed segments, newest first. */
  #finals(partition: PartitionId, isWanted: (final: Final) => boolean): { event: Uint8Array; seq: Sequence }[] {
    const log = this.#logOf(partition);
    const found: { event: Uint8Array; seq: Sequence }[] = [];
    for (const { first, filter } of log.segments) {
      if (filter === null) continue;
      for (const record of log.records(first, log.nextOf(first) - first)) {
        if (!isFinal(record)) continue;
        const accepted = this.#acceptedBody(log, record.seq);
        if (accepted !== null && isWanted({ event: record.event, accepted }))
          found.unshift({ event: record.event, seq: record.seq });
      }
    }
    return found;
  }

  #buildIndexes(log: SimulatedLog): void {
    for (const segment of log.segments.slice(0, -1)) {
      const name = `${log.partition}/${segment.first}`;
      if (segment.filter !== null || this.#underWay.has(name)) continue;
      this.#underWay.add(name);
      this.#parts.scheduler.after(this.#parts.weather.indexMs(), '', () => {
        if (this.#isGone) return;
        this.#underWay.delete(name);
        segment.filter = this.#filterOf(log, segment.first);
        if (segment.filter === null) return;
        const isReplaying = [...this.#replays.values()].some((replay) => replay.log === log);
        if (!isReplaying) this.#tellIndexed(log, segment.first);
      });
    }
  }

  #tellIndexed(log: SimulatedLog, first: Sequence): void {
    const { filter } = log.segments.find((segment) => segment.first === first)!;
    this.#parts.reply({ op: 'indexed', partition: log.partition, first, next: log.nextOf(first), filter: filter! });
  }

  /** A few of them, so that the next ones are asked for. */
  #finalsOfIndexed({ partition, filter, after }: Extract<ReaderRequest, { op: 'indexed-finals' }>) {
    const log = this.#logOf(partition);
    const finals = this.#finals(partition, () => true).map(({ seq }) => {
      const records = log.history(seq);
      const segment = log.segments.findLast(({ first }) => first <= seq)!.first;
      const bodySeq = records.findLast((record) => specIn(record) !== null)!.seq;
      return { seq, place: { segment, bodySeq }, view: viewOf(records, partition) };
    });
    const newest = finals.filter(
      ({ view }, at) => finals.findIndex((other) => Buffer.compare(other.view.id, view.id) === 0) === at,
    );
    const rows = newest
      .filter(({ view, place }) => matchesView(filter, view) && (after === null || isBehind(place, after)))
      .sort((one, other) => (isBehind(one.place, other.place) ? 1 : -1));
    const shown = rows.slice(0, specsPerMessage);
    const known = new KnownFinals(specsPerMessage);
    for (const { seq, place, view } of shown) known.add({ ids: view.id, idAt: 0, newest: seq, bodySeq: place.bodySeq, ...view });
    return { known: known.take(), until: shown.length < rows.length ? shown.at(-1)!.place : ('end' as const) };
  }

  /** Null when the segment is damaged: then it has no index, as in production. */
  #filterOf(log: SimulatedLog, first: Sequence): FilterWords | null {
    const filter = SegmentFilter.for({ ids: 50, keys: 50 });
    try {
      for (const record of log.records(first, log.nextOf(first) - first)) {
        if (!isFinal(record)) continue;
        filter.addId(record.event);
        const accepted = this.#acceptedBody(log, record.seq);
        if (accepted === null) continue;
        const { tagHigh, tagLow } = this.#head.at(accepted);
        if (tagHigh !== 0 || tagLow !== 0) filter.addKey({ tagHigh, tagLow });
      }
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error;
      return null;
    }
    return filter.words;
  }

  /** Null for an event that stands in a newer record as well, since its beginning was removed. */
  #acceptedBody(log: SimulatedLog, newest: Sequence): Uint8Array | null {
    try {
      return log.history(newest)[0]!.body;
    } catch (error) {
      if (error instanceof GoneRecord) return null;
      throw error;
    }
  }

  /** The newest that is whole and holds the finals that no index knows. */
  #chooseSnapshot(log: SimulatedLog): SimulatedSnapshot | null {
    const usable = log.snapshots.filter(({ finalsFrom }) => finalsFrom <= log.indexedBefore);
    return usable.find(() => !this.#parts.weather.snapshotFault()) ?? null;
  }

  /** By what the pool task does: the snapshot before it and the records since, the same `apply`. */
  #takeSnapshot(log: SimulatedLog, { tag, upTo }: Extract<ReaderRequest, { op: 'snapshot' }>): void {
    this.#parts.scheduler.after(this.#parts.weather.snapshotMs(), '', () => {
      if (this.#isGone) return;
      this.#parts.reply({ op: 'snapshot-taken', tag, detail: this.#snapshotAt(log, upTo) });
    });
  }

  #snapshotAt(log: SimulatedLog, upTo: Sequence): string | null {
    if (log.synced < upTo) return 'the log has been taken back';
    if (log.beginning > upTo) return 'that part of the log has been removed';
    const base = log.snapshots.find(({ seq }) => seq <= upTo) ?? null;
    const state = new PartitionState(log.partition);
    const intake = new SnapshotIntake(state);
    for (const section of base?.sections ?? []) intake.take(section);
    state.layOut(log.outline.map((segment) => ({ ...segment, filter: null })));
    const finalsFrom = log.firstOf(upTo);
    try {
      for (const record of log.records(state.lastSeq + 1, upTo - state.lastSeq)) state.apply(record);
      // What was removed may have its counterpart behind `upTo`.
      for (const record of state.isWhole ? [] : log.records(upTo + 1, log.synced - upTo)) if (!state.isWhole) state.apply(record);
      log.snapshots = [{ seq: state.lastSeq, finalsFrom, sections: [...sectionsOf(state, finalsFrom)] }, ...log.snapshots].slice(
        0,
        2,
      );
    } catch (error) {
      // As the pool task rejects: the log is damaged.
      if (!(error instanceof DamagedRecord)) throw error;
      return (error as Error).message;
    }
    return null;
  }

  #logOf(partition: PartitionId): SimulatedLog {
    return this.#parts.disk.log(partition);
  }
}

function sourceOf(log: SimulatedLog): RecordSource {
  return {
    partition: log.partition,
    first: log.beginning,
    record: (seq) => log.read(seq),
    isDamage: (error) => error instanceof DamagedRecord || error instanceof GoneRecord,
  };
}

interface Final {
  readonly event: Uint8Array;
  /** Body of its first record. */
  readonly accepted: Uint8Array;
}

function isBehind(one: RetriablePlace, other: RetriablePlace): boolean {
  return one.segment > other.segment || (one.segment === other.segment && one.bodySeq > other.bodySeq);
}
