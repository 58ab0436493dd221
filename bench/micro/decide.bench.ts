/**
 * How many transitions per second can one partition decide and apply?
 *
 * Each event of the run is accepted, dispatched and delivered: three decisions, each applied to the state. Transitions per second
 * of one thread, without log, wheel or messages. 20,000 events/s are 60,000 transitions/s, so at 300,000/s, which is good, deciding
 * takes a fifth of the actor's thread. `replayed` applies the same records to a fresh state, as a start does. On the 2-core reference
 * machine with other work on both cores: 140,000-220,000/s, replayed 400,000-700,000/s.
 *
 *   npm run bench -- decide
 */
import { fingerprintOf, keyOf } from '../../engine/event/content.js';
import type { LogRecord } from '../../engine/event/record.js';
import { defaultRetry } from '../../engine/event/spec.js';
import { encodeSpec } from '../../engine/event/spec-codec.js';
import type { PartitionId, Slot, WallMs } from '../../engine/kernel/brand.js';
import { type EventId, mintEventId } from '../../engine/kernel/event-id.js';
import type { Command } from '../../engine/partition/command.js';
import { decide } from '../../engine/partition/decide.js';
import { PartitionState } from '../../engine/partition/state.js';
import { type Bench, decadesUpTo, measured } from '../lib/bench.js';
import { rate } from '../lib/rate.js';
import { sampleSpec } from '../lib/sample-spec.js';

const now = 1_763_632_800_000 as WallMs;
const partition = 0 as PartitionId;

export interface DecideResult {
  readonly what: string;
  readonly transitionsPerSecond: number;
  /** Left when all is done: none. */
  readonly pending: number;
}

export function run({ size }: { readonly size: number }): DecideResult[] {
  return ['without a key', 'with an external id'].flatMap((kind) => {
    const isKeyed = kind === 'with an external id';
    const bodies = Array.from({ length: size }, (_, index) => bodyOf(isKeyed ? `job-${index}` : null));
    const ids = bodies.map(() => mintEventId(0 as Slot, now));
    const state = new PartitionState(partition);
    const records: LogRecord[] = [];
    const began = performance.now();
    for (let at = 0; at < size; at++) perform(state, { op: 'schedule', event: ids[at]!, body: bodies[at]! }, records);
    for (let at = 0; at < size; at++) perform(state, { op: 'dispatch', handle: state.handleOf(ids[at]!)! }, records);
    for (let at = 0; at < size; at++) perform(state, delivered(ids[at]!), records);
    const tookMs = performance.now() - began;
    return [
      { what: kind, transitionsPerSecond: rate(records.length, tookMs), pending: state.pending },
      { what: `${kind}, replayed`, ...replayed(records) },
    ];
  });
}

function perform(state: PartitionState, command: Command, records: LogRecord[]): void {
  const decision = decide(state, command, { now, facts: null });
  for (const record of decision.records) {
    state.apply(record);
    records.push(record);
  }
}

function replayed(records: readonly LogRecord[]): Omit<DecideResult, 'what'> {
  const state = new PartitionState(partition);
  const began = performance.now();
  for (let at = 0; at < records.length; at++) state.apply(records[at]!);
  return { transitionsPerSecond: rate(records.length, performance.now() - began), pending: state.pending };
}

function delivered(event: EventId): Command {
  return {
    op: 'outcome',
    outcome: {
      partition,
      event,
      attempt: 1,
      kind: 'delivered',
      startedAtMs: now,
      durationMs: 5,
      lagMs: 0.5,
      statusCode: 204,
      error: null,
      responseBody: null,
      retryAfterMs: null,
    },
    retry: defaultRetry,
    random: 0,
  };
}

function bodyOf(externalJobId: string | null): Uint8Array {
  const spec = sampleSpec({ externalJobId, scheduledAtMs: now });
  return encodeSpec(spec, keyOf(spec) === null ? null : fingerprintOf(spec, true));
}

const sizes = { small: 20_000, full: 200_000 } as const;

/** The first, small run is for the compiler. */
export const bench: Bench = {
  name: 'decide',
  question: 'How many transitions per second can one partition decide and apply?',
  sizes,
  plots: [
    {
      kind: 'costs',
      title: 'Decide and apply: a transition, by the events of the partition',
      x: 'entries',
      rates: ['transitionsPerSecond'],
      series: 'what',
    },
  ],
  measure: (size) => {
    run({ size: sizes.small });
    return measured(decadesUpTo(size).flatMap((entries) => run({ size: entries }).map((row) => ({ entries, ...row }))));
  },
};
