/**
 * A log writer that keeps the protocol of `engine/log/protocol.ts` on the simulated disk: group commit, failures, segments.
 *
 * Everything that has arrived goes into the next commit of its partition. A commit that fails leaves part of itself behind;
 * what follows is dropped until `reopen`. What it never does is call something durable that is not.
 */
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import type { SegmentNotice, SpaceLevel, LogReply, LogRequest } from '../../engine/log/protocol.js';
import type { SimulatedDisk, SimulatedLog } from './simulated-disk.js';
import type { Scheduler } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';

export interface SimulatedWriterParts {
  readonly scheduler: Scheduler;
  readonly disk: SimulatedDisk;
  readonly weather: Weather;
  readonly partitions: readonly PartitionId[];
  readonly reply: (reply: LogReply) => void;
  readonly notice: (notice: SegmentNotice) => void;
  /** For the tests of the checkers: says "durable" before it is. */
  readonly lies: boolean;
}

interface Lane {
  readonly log: SimulatedLog;
  waiting: Uint8Array[];
  isBusy: boolean;
  hasFailed: boolean;
  /** The last failure may have left anything behind, so that a new segment must begin. */
  isTorn: boolean;
}

export class SimulatedWriter {
  readonly #parts: SimulatedWriterParts;
  readonly #lanes = new Map<PartitionId, Lane>();
  #space: SpaceLevel = 'ok';
  #isGone = false;

  constructor(parts: SimulatedWriterParts) {
    this.#parts = parts;
    for (const partition of parts.partitions) {
      const log = parts.disk.log(partition);
      const lane: Lane = { log, waiting: [], isBusy: false, hasFailed: false, isTorn: false };
      this.#lanes.set(partition, lane);
      if (parts.weather.openFault() !== null) this.#fail(lane, 'io', 'the log cannot be opened');
    }
    if (parts.disk.isFull) this.setSpace('refuse');
  }

  take(request: LogRequest): void {
    if (this.#isGone || request.op === 'close') return;
    const lane = this.#lanes.get(request.partition)!;
    if (request.op === 'reopen') {
      // What comes behind it counts again, unless it fails.
      lane.waiting = [];
      lane.hasFailed = false;
      lane.isBusy = true;
      this.#later(this.#parts.weather.commitMs(), '', () => this.#reopen(lane, request.after));
    } else if (!lane.hasFailed) {
      lane.waiting.push(request.batch);
      this.#commitSoon(lane);
    }
  }

  setSpace(level: SpaceLevel): void {
    if (level === this.#space) return;
    this.#space = level;
    this.#parts.reply({ op: 'space', level, freeBytes: level === 'ok' ? 2 ** 30 : 0 });
  }

  /** Its thread has ended, whatever it was doing. */
  vanish(): void {
    this.#isGone = true;
  }

  #commitSoon(lane: Lane): void {
    if (lane.isBusy) return;
    lane.isBusy = true;
    lane.log.beginCommit(lane.waiting);
    lane.waiting = [];
    this.#later(this.#parts.weather.commitMs(), '', () => this.#commit(lane));
  }

  #commit(lane: Lane): void {
    const { weather, disk, reply, lies } = this.#parts;
    const { log } = lane;
    lane.isBusy = false;
    const failure = disk.isFull ? 'disk-full' : weather.commitFault();
    if (failure !== null) {
      log.tearCommit(failure === 'disk-full' ? () => 0 : weather.survivors);
      this.#fail(lane, failure, `simulated ${failure}`);
      return;
    }
    const seq = lies ? log.commitWithoutSync() : log.commit();
    reply({ op: 'durable', partition: log.partition, seq, commitMs: 1 });
    if (log.last - log.open.first + 1 >= weather.segmentRecordsMax && this.#space === 'ok') this.#seal(log);
    if (lane.waiting.length > 0) this.#commitSoon(lane);
  }

  #seal(log: SimulatedLog): void {
    const { first, next } = log.seal(this.#parts.scheduler.wall);
    this.#parts.notice({ op: 'opened', partition: log.partition, first: next });
    this.#parts.reply({ op: 'sealed', partition: log.partition, first, next });
  }

  #reopen(lane: Lane, after: Sequence): void {
    const { disk, weather, reply, notice } = this.#parts;
    const { log } = lane;
    lane.isBusy = false;
    const failure = disk.isFull ? 'disk-full' : weather.openFault();
    if (failure !== null) {
      this.#fail(lane, failure, 'the log cannot be opened again');
      return;
    }
    const before = log.open;
    log.reopenAfter(after, { inNewSegment: lane.isTorn, nowMs: this.#parts.scheduler.wall });
    lane.isTorn = false;
    if (log.open !== before) notice({ op: 'opened', partition: log.partition, first: log.open.first });
    reply({ op: 'reopened', partition: log.partition });
    if (lane.waiting.length > 0) this.#commitSoon(lane);
  }

  #fail(lane: Lane, failure: 'disk-full' | 'io', detail: string): void {
    const { log } = lane;
    lane.waiting = [];
    lane.hasFailed = true;
    if (failure === 'io') lane.isTorn = true;
    else this.setSpace(this.#space === 'ok' ? 'refuse' : 'stop');
    this.#parts.reply({ op: 'failed', partition: log.partition, durable: log.synced, failure, isDamage: false, detail });
  }

  #later(delayMs: number, label: string, run: () => void): void {
    this.#parts.scheduler.after(delayMs, label, () => {
      if (!this.#isGone) run();
    });
  }
}
