/**
 * What happened lately to events of each source and type: what the statistics of one source are made of besides counts.
 *
 * Producers choose these names, so there may be any number of them. At most 256 pairs are followed on a host, 45 KB each; a
 * new pair takes the place of one to which nothing has happened for 15 minutes, and is not followed while there is none.
 *
 * Counts are kept in 180 spans of 5 seconds: a rate is the sum of the newest 12, 60 or 180.
 */
import { randomBytes } from 'node:crypto';
import type { Outcome } from '../../event/attempt.js';
import type { LabelHashes } from '../../event/label-filter.js';
import { type RecordKind, recordKinds } from '../../event/record.js';
import type { MonoMs } from '../../kernel/brand.js';
import { labelFlowsMax } from '../../kernel/limits.js';
import type { LatencyFigures } from '../../observe/figures.js';
import { LatencyRecorder } from '../../observe/latency.js';

export const flowNames = ['accepted', 'fired', 'delivered', 'failed'] as const;
type FlowName = (typeof flowNames)[number];

const spanMs = 5_000;
const spans = 180;
/** Spans of 1, 5 and 15 minutes. */
export const windowSpans = [12, 60, 180] as const;

/** How often in the last 1, 5 and 15 minutes, by name; the names as in `flowNames`. */
export interface FlowFigures {
  readonly counts: readonly (readonly number[])[];
  readonly fireLag: LatencyFigures;
  readonly delivery: LatencyFigures;
  /** How long it has been followed. */
  readonly ageMs: number;
}

class Flow {
  readonly since: MonoMs;
  readonly fireLag = new LatencyRecorder();
  readonly delivery = new LatencyRecorder();
  readonly #counts = new Uint32Array(flowNames.length * spans);
  #newest: number;

  constructor(now: MonoMs) {
    this.since = now;
    this.#newest = Math.floor(now / spanMs);
  }

  get idleSinceMs(): number {
    return (this.#newest + 1) * spanMs;
  }

  count(name: FlowName, now: MonoMs): void {
    this.#moveTo(now);
    this.#counts[flowNames.indexOf(name) * spans + (this.#newest % spans)]!++;
  }

  figures(now: MonoMs): FlowFigures {
    this.#moveTo(now);
    const counts = flowNames.map((_, name) => windowSpans.map((window) => this.#sum(name, window)));
    return { counts, fireLag: this.fireLag.figures(), delivery: this.delivery.figures(), ageMs: now - this.since };
  }

  /** Spans in which nothing happened are empty. */
  #moveTo(now: MonoMs): void {
    const span = Math.floor(now / spanMs);
    for (let next = Math.max(this.#newest + 1, span - spans + 1); next <= span; next++) {
      for (let name = 0; name < flowNames.length; name++) this.#counts[name * spans + (next % spans)] = 0;
    }
    if (span > this.#newest) this.#newest = span;
  }

  #sum(name: number, window: number): number {
    let sum = 0;
    for (let back = 0; back < window; back++) sum += this.#counts[name * spans + ((this.#newest - back + spans) % spans)]!;
    return sum;
  }
}

const nameOfKind: Partial<Record<RecordKind, FlowName>> = {
  [recordKinds.accepted]: 'accepted',
  [recordKinds.dispatched]: 'fired',
  [recordKinds.delivered]: 'delivered',
  [recordKinds.retrying]: 'failed',
  [recordKinds.dead]: 'failed',
};

/** Whether a record of this kind counts in a flow. */
export function isFlow(kind: RecordKind): boolean {
  return nameOfKind[kind] !== undefined;
}

interface PairHashes {
  readonly source: number;
  readonly type: number;
}

export class LabelFlows {
  /** Whose they are, wherever they are told: no two hosts of any node have the same. */
  readonly id = randomBytes(8).toString('hex');
  /** By source, then by type. */
  readonly #flows = new Map<number, Map<number, Flow>>();
  #size = 0;
  /** The one asked for last: producers send many events of one kind. */
  #last: { readonly source: number; readonly type: number; readonly flow: Flow } | null = null;
  #lookAgainAtMs = 0;

  recorded(kind: RecordKind, labels: PairHashes, now: MonoMs): void {
    const name = nameOfKind[kind];
    if (name !== undefined) this.#flowOf(labels, now)?.count(name, now);
  }

  ended({ lagMs, durationMs }: Pick<Outcome, 'lagMs' | 'durationMs'>, labels: PairHashes, now: MonoMs): void {
    const flow = this.#flowOf(labels, now);
    flow?.fireLag.record(lagMs);
    flow?.delivery.record(durationMs);
  }

  figures({ source, type }: LabelHashes, now: MonoMs): FlowFigures[] {
    const figures: FlowFigures[] = [];
    for (const [ownSource, types] of this.#flows) {
      if (source !== null && source !== ownSource) continue;
      for (const [ownType, flow] of types) if (type === null || type === ownType) figures.push(flow.figures(now));
    }
    return figures;
  }

  /** Null: it is not followed. */
  #flowOf({ source, type }: PairHashes, now: MonoMs): Flow | null {
    const last = this.#last;
    if (last !== null && last.source === source && last.type === type) return last.flow;
    const known = this.#flows.get(source)?.get(type);
    if (known !== undefined) {
      this.#last = { source, type, flow: known };
      return known;
    }
    if (this.#size >= labelFlowsMax && !this.#makeRoom(now)) return null;
    const flow = new Flow(now);
    this.#size++;
    const own = this.#flows.get(source);
    if (own === undefined) this.#flows.set(source, new Map([[type, flow]]));
    else own.set(type, flow);
    return flow;
  }

  /** At most once in five seconds, since it goes through all of them. */
  #makeRoom(now: MonoMs): boolean {
    if (now < this.#lookAgainAtMs) return false;
    this.#lookAgainAtMs = now + spanMs;
    this.#last = null;
    for (const [source, types] of this.#flows) {
      for (const [type, flow] of types) {
        if (now - flow.idleSinceMs < spans * spanMs) continue;
        types.delete(type);
        this.#size--;
      }
      if (types.size === 0) this.#flows.delete(source);
    }
    return this.#size < labelFlowsMax;
  }
}
