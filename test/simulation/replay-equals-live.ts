/** I5: what a fresh memory makes of the stored records is what the living actor knows, row by row and byte by byte. */
import { eventStatuses } from '../../engine/event/status.js';
import type { Handle, PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { formatEventId } from '../../engine/kernel/event-id.js';
import { carriedKind } from '../../engine/event/record.js';
import { isFinal } from '../../engine/log/index/segment-index.js';
import { sectionsOf } from '../../engine/partition/snapshot.js';
import { PartitionState } from '../../engine/partition/state.js';
import type { SimulatedLog } from '../support/simulated-disk.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';

/** A memory that has been given the records of a log, as far as that went. */
interface Replay {
  /** Which segments there were, and how often the log was written anew. */
  readonly segments: string;
  readonly state: PartitionState;
  next: Sequence;
}

export class ReplayEqualsLive implements Checker {
  readonly name = 'replay-equals-live';
  readonly #scene: Scene;
  readonly #replays = new Map<PartitionId, Replay>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  quiet(): void {
    for (const { host } of this.#scene.world.hosts) {
      for (const { partition, phase, state } of host.actors) {
        const log = this.#scene.world.disk.log(partition);
        if (phase !== 'ready' || log.isDamaged) continue;
        // Word that a segment was removed is on its way: what it held is counted here and not there.
        if (state.finished.first < log.beginning) continue;
        const replayed = this.#replay(log);
        // A segment that was opened after a failure is heard of when the one before it has its index.
        for (const { first } of log.segments) state.finished.openPage(first);
        this.#compare(state, replayed);
        this.#compareFinished(state);
        this.#compareSnapshots(state, replayed);
      }
    }
  }

  /** Goes on with the last one where the log has only become longer, in the same segments: half of all looks find it as it was. */
  #replay(log: SimulatedLog): PartitionState {
    const segments = [log.rewrites, log.beginning, ...log.segments.map(({ first }) => first)].join();
    let replay = this.#replays.get(log.partition);
    if (replay?.segments !== segments) {
      replay = { segments, state: new PartitionState(log.partition), next: log.beginning };
      replay.state.layOut(log.outline.map((segment) => ({ ...segment, filter: null })));
      this.#replays.set(log.partition, replay);
    }
    for (const record of log.records(replay.next)) replay.state.apply(record);
    replay.next = (log.last + 1) as Sequence;
    return replay.state;
  }

  #compare(live: PartitionState, replayed: PartitionState): void {
    this.#same(live, { lastSeq: [live.lastSeq, replayed.lastSeq], pending: [live.pending, replayed.pending] });
    const settings = [settingsOf(live), settingsOf(replayed)];
    if (settings[0] !== settings[1]) this.#complain(live, `settings are ${settings[0]}, replayed ${settings[1]}`);
    const sums = [live, replayed].map(({ labels }) => JSON.stringify(labels.outline));
    if (sums[0] !== sums[1]) this.#complain(live, `sums by label are ${sums[0]}, replayed ${sums[1]}`);
    for (const status of eventStatuses) this.#same(live, { [status]: [live.byStatus[status], replayed.byStatus[status]] });
    for (let row = 0; row < live.columns.rows; row++) {
      if (!live.columns.isLive(row as Handle)) continue;
      // Which row an event has depends on what was freed before; after a start from a snapshot that is other than in a replay.
      const counterpart = replayed.handleOf(live.columns.id(row as Handle));
      const [one, other] = [rowOf(live, row as Handle), counterpart === null ? 'free' : rowOf(replayed, counterpart)];
      if (one !== other) this.#complain(live, `row ${row} is ${one}, replayed ${other}`);
    }
  }

  /** The same records give the same bytes: of everything that is kept, also of columns that are not named above. */
  #compareSnapshots(live: PartitionState, replayed: PartitionState): void {
    const from = this.#scene.world.disk.log(live.partition).open.first;
    const [one, other] = [live, replayed].map((state) => Buffer.concat([...sectionsOf(state, from)]));
    if (!one!.equals(other!))
      this.#complain(live, `its snapshot has ${one!.length} bytes, replayed ${other!.length}, and they differ`);
  }

  /** Finished events are found: in memory with their newest record, or through an index that memory points to. */
  #compareFinished(live: PartitionState): void {
    const log = this.#scene.world.disk.log(live.partition);
    const { segments } = log;
    const carriedTo = new Map<string, Sequence>();
    for (const { kind, event, seq } of log.records()) if (kind === carriedKind) carriedTo.set(formatEventId(event), seq);
    for (const [event, records] of this.#scene.stored.all(live.partition)) {
      const newest = records[records.length - 1]!;
      if (!isFinal(newest)) continue;
      const last = Math.max(newest.seq, carriedTo.get(event) ?? 0) as Sequence;
      // It has outlived the retention.
      if (last < log.beginning) continue;
      const remembered = live.finished.seqOf(newest.event);
      // Indexes are built in any order.
      const segment = segments.findLast(({ first }) => first <= last);
      const isIndexed = segment?.filter != null && live.finished.mayBeIndexedId(newest.event);
      if (remembered !== last && !isIndexed) {
        this.#complain(live, `finished event ${event} is remembered at ${remembered}, its last record is ${last}`);
      }
    }
  }

  #same(live: PartitionState, values: Readonly<Record<string, readonly [number, number]>>): void {
    for (const [name, [one, other]] of Object.entries(values)) {
      if (one !== other) this.#complain(live, `${name} is ${one}, replayed ${other}`);
    }
  }

  #complain({ partition }: PartitionState, detail: string): never {
    throw new BrokenPromise(this.name, `partition ${partition}: ${detail}`);
  }
}

function settingsOf({ settings }: PartitionState): string {
  return JSON.stringify(settings.rows().sort((one, other) => one.seq - other.seq));
}

/** All that is known of a row, as a text. */
function rowOf({ columns, origins }: PartitionState, handle: Handle): string {
  if (handle >= columns.rows || !columns.isLive(handle)) return 'free';
  return [
    formatEventId(columns.id(handle)),
    columns.status(handle),
    columns.version(handle),
    columns.attempts(handle),
    columns.attemptsInRun(handle),
    columns.dueAtMs(handle),
    columns.expiresAtMs(handle),
    columns.bodySeq(handle),
    columns.newestSeq(handle),
    columns.priority(handle),
    columns.maxRetries(handle),
    columns.deliveryType(handle),
    origins.name(columns.origin(handle)),
    columns.tagHigh(handle),
    columns.tagLow(handle),
    columns.scheduledAtMs(handle),
    ...Object.values(columns.labels(handle)),
  ].join(' ');
}
