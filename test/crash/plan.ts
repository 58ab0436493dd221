/**
 * What the torture asks for: events of every kind whose end can be told in advance.
 *
 * Each carries a number `n` in its payload, so that whatever arrives is known again, also when the answer to its request
 * was lost and nobody ever learned its id.
 */

/** How the receiver treats it, which decides how it must end. `held` is another receiver, which is paused now and then. */
export const fates = ['prompt', 'slow', 'second-try', 'refused', 'held'] as const;
export type Fate = (typeof fates)[number];

export interface Plan {
  readonly n: number;
  readonly fate: Fate;
  /** Sent again with the same content when the answer was lost, until there is one. */
  readonly key: 'external' | 'idempotency' | null;
  /** Not before this moment, as the request says or as follows from when it was sent. */
  readonly notBeforeMs: number;
  /** What is asked for later, in milliseconds after the acceptance; null: never. */
  readonly cancelAfterMs: number | null;
  /** Its payload is changed. */
  readonly changeAfterMs: number | null;
  readonly changeBy: 'patch' | 'put';
  /** It is asked to be due now. */
  readonly fireAfterMs: number | null;
  /** It is retried by an operator, so long after its cancel or, if it is to be refused, until it is DEAD. */
  readonly reviveAfterMs: number | null;
  /** An hour ahead, in a group: it comes only if it is fired, and a cancel by filter takes it otherwise. */
  readonly farGroup: number | null;
  readonly expires: boolean;
  /** The event as it is posted. */
  readonly body: Readonly<Record<string, unknown>>;
}

export const farGroups = 4;
const farAheadMs = 3_600_000;

/** Retries of `refused` and `second-try`, without jitter, so that "not before" can be checked for them too. */
export const retryAfterMs = 150;
export const refusedRetries = 2;

/** Park and Miller's generator: small, and a seed tells all of its numbers. In (0, 1). */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

export interface PlanOptions {
  readonly n: number;
  readonly random: () => number;
  readonly urlOf: (fate: Fate) => string;
  /** Only a single event may carry an Idempotency-Key here. */
  readonly single: boolean;
  /** The latest that an event is scheduled. */
  readonly aheadMsMax: number;
  /** Not where an event may be gone, and its name free for another one. */
  readonly mayPut: boolean;
}

export function planEvent({ n, random, urlOf, single, aheadMsMax, mayPut }: PlanOptions): Plan {
  const dice = random();
  const isFar = dice > 0.9;
  const fate: Fate =
    isFar || dice < 0.6 ? 'prompt' : dice < 0.7 ? 'held' : dice < 0.77 ? 'second-try' : dice < 0.84 ? 'slow' : 'refused';
  const keyDice = random();
  const key = keyDice < 0.4 ? 'external' : keyDice < 0.55 && single ? 'idempotency' : null;
  const aheadMs = isFar ? farAheadMs : random() < 0.2 ? 0 : Math.floor(random() * aheadMsMax);
  const now = Date.now();
  const byDelay = random() < 0.3 && fate !== 'held';
  const expires = !isFar && random() < 0.05;
  const scheduledAtMs = now + aheadMs;
  const farGroup = isFar ? Math.floor(random() * farGroups) : null;
  const later = (share: number): number | null =>
    random() < share ? Math.floor(random() * (Math.min(aheadMs, aheadMsMax) + 100)) : null;
  const cancelAfterMs = fate === 'refused' ? null : later(0.15);
  // What is held tells by its own headers when it was started, which a change of its time would spoil.
  const mayMove = fate !== 'held';
  const mayRevive = !expires && !isFar && mayMove && (fate === 'refused' || cancelAfterMs !== null);
  return {
    n,
    fate,
    key,
    notBeforeMs: scheduledAtMs,
    cancelAfterMs,
    changeAfterMs: mayMove ? later(0.15) : null,
    changeBy: mayPut && key === 'external' && fate === 'prompt' && !isFar && random() < 0.5 ? 'put' : 'patch',
    fireAfterMs: mayMove ? later(isFar ? 0.5 : 0.08) : null,
    reviveAfterMs: mayRevive && random() < 0.5 ? Math.floor(random() * 500) : null,
    farGroup,
    expires,
    body: {
      ...(key === 'external' ? { external_job_id: `job-${n}`, source: 'torture' } : {}),
      ...(isFar ? { type: farTypeOf(farGroup!) } : {}),
      ...(byDelay ? { delay_ms: aheadMs } : { scheduled_at: new Date(scheduledAtMs).toISOString() }),
      ...(expires ? { expires_at: new Date(scheduledAtMs + 300).toISOString() } : {}),
      destination: urlOf(fate),
      priority: Math.floor(random() * 10),
      max_retries: fate === 'refused' ? refusedRetries : 20,
      retry: { strategy: 'fixed', initial_ms: retryAfterMs, max_ms: retryAfterMs, jitter: 'none' },
      payload: { n, text: 'x'.repeat(Math.floor(random() * 400)) },
    },
  };
}

export function farTypeOf(group: number): string {
  return `far-${group}`;
}

/** As it is behind a change. */
export function changedPayload({ n }: Plan): Readonly<Record<string, unknown>> {
  return { n, isChanged: true };
}
