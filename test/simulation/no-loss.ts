/** I1: every acknowledged event is delivered, cancelled by somebody, expired by its own rule, dead with a reason, or still to come. */
import { type EventFilter, matchesSpec } from '../../engine/event/event-filter.js';
import { keyOf } from '../../engine/event/content.js';
import { recordKinds } from '../../engine/event/record.js';
import { decodeOutcome, decodeRefused } from '../../engine/event/outcome-codec.js';
import type { LogRecord } from '../../engine/event/record.js';
import { decodeSpec } from '../../engine/event/spec-codec.js';
import { originOf } from '../../engine/event/origin.js';
import { placeOfOrigin } from '../../engine/event/origin-settings.js';
import type { EventSpec } from '../../engine/event/spec.js';
import type { Asked, Happening, StartedAttempt } from '../support/simulated-happenings.js';
import { BrokenPromise, type Checker, type Scene } from './checker.js';
import { standingOf } from './event-standing.js';

export class NoLoss implements Checker {
  readonly name = 'no-loss';
  readonly #scene: Scene;
  readonly #accepted: Asked[] = [];
  readonly #cancelAsked = new Set<string>();
  readonly #bulkCancels: EventFilter[] = [];
  readonly #attempts = new Map<string, StartedAttempt[]>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  happened(happening: Happening): void {
    if (happening.what === 'answered' && happening.reply.op === 'accepted') this.#accepted.push(happening.asked);
    if (happening.what === 'asked' && happening.asked.change?.op === 'cancel') this.#cancelAsked.add(happening.asked.about);
    if (happening.what === 'change-many' && happening.action.op === 'cancel') this.#bulkCancels.push(happening.action.filter);
    if (happening.what === 'started') {
      const { event } = happening.attempt;
      this.#attempts.set(event, [...(this.#attempts.get(event) ?? []), happening.attempt]);
    }
  }

  end(): void {
    for (const asked of this.#accepted) {
      if (this.#scene.world.disk.log(asked.partition).isDamaged) continue;
      const records = this.#scene.stored.of(asked.partition, asked.event);
      const newest = records[records.length - 1];
      if (newest === undefined) this.#complain(asked, 'was accepted and is in no log');
      else this.#judge(asked, records, newest);
    }
  }

  #judge(asked: Asked, records: readonly LogRecord[], newest: LogRecord): void {
    const { event } = asked;
    const { spec, dueAtMs, attemptsInRun, areRetriesStopped } = standingOf(records);
    const attempts = this.#attempts.get(event) ?? [];
    const { wall } = this.#scene.world.scheduler;
    switch (newest.kind) {
      case recordKinds.delivered: {
        const { attempt } = decodeOutcome(newest.body);
        const came = attempts.some((started) => started.attempt === attempt && started.ended?.kind === 'delivered');
        if (!came) this.#complain(asked, `counts as delivered by attempt ${attempt}, which no destination has seen succeed`);
        return;
      }
      case recordKinds.cancelled:
        if (
          !this.#isCancelAsked(asked) &&
          !this.#cancelAsked.has(`${spec.source} ${spec.externalJobId}`) &&
          !this.#bulkCancels.some((filter) => matchesSpec(filter, spec))
        )
          this.#complain(asked, 'is cancelled and nobody asked for it');
        return;
      case recordKinds.expired:
        if (spec.expiresAtMs === null || newest.at < spec.expiresAtMs) {
          this.#complain(asked, `expired at ${newest.at}, its time was ${spec.expiresAtMs}`);
        }
        return;
      case recordKinds.dead: {
        const { attempt, error } = decodeOutcome(newest.body);
        const isGone = attempts.some((started) => started.attempt === attempt && started.ended?.kind === 'gone');
        if (error === null) this.#complain(asked, 'is dead without a reason');
        // A change may have left it fewer than it had used.
        const wasChanged = records.some(({ kind }) => kind === recordKinds.changed);
        const isSpent = wasChanged ? attemptsInRun > spec.maxRetries : attemptsInRun === spec.maxRetries + 1;
        if (!isGone && !areRetriesStopped && !isSpent) {
          this.#complain(asked, `is dead after attempt ${attempt}, number ${attemptsInRun} of ${spec.maxRetries + 1} in its run`);
        }
        return;
      }
      case recordKinds.refused:
        if (!asked.isTold || !this.#hasNamesake(asked))
          this.#complain(asked, `is refused though it was accepted: ${decodeRefused(newest.body).reason}`);
        return;
      default: {
        if (dueAtMs > wall) return;
        if (this.#mayBeHeld(spec)) return;
        this.#complain(
          asked,
          `is left behind in ${records.length} records, the newest of kind ${newest.kind}; due at ${dueAtMs}`,
        );
      }
    }
  }

  /** By its id or another one that it has. */
  #isCancelAsked({ event, partition }: Asked): boolean {
    if (this.#cancelAsked.has(event)) return true;
    return [...this.#scene.stored.aliases(partition)].some(([alias, of]) => of === event && this.#cancelAsked.has(alias));
  }

  /** An event with the same key and other content. */
  #hasNamesake({ spec, fingerprint, partition }: Asked): boolean {
    return [...this.#scene.stored.all(partition)].some(([, records]) => {
      const other = decodeSpec(records[0]!.body);
      const isSameKey = spec !== null && JSON.stringify(keyOf(other)) === JSON.stringify(keyOf(spec)) && keyOf(spec) !== null;
      return isSameKey && Buffer.from(other.fingerprint!).toString('hex') !== fingerprint;
    });
  }

  /** What is set for its origin can be changed no more, or not even be known. */
  #mayBeHeld(spec: EventSpec | null): boolean {
    if (spec === null) return false;
    const { world } = this.#scene;
    const { home } = placeOfOrigin(originOf(spec.deliveryType, spec.destination), world.partitions.length);
    return world.disk.log(home).isDamaged;
  }

  #complain({ event, partition }: Asked, detail: string): never {
    throw new BrokenPromise(this.name, `event ${event} of partition ${partition} ${detail}`);
  }
}
