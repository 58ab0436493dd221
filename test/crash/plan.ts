/**
 * What the torture asks for: events of every kind whose end can be told in advance.
 *
 * Each carries a number `n` in its payload, so that whatever arrives is known again, also when the answer to its request
 * was lost and nobody ever learned its id.
 */

/** How the receiver treats it, which decides how it must end. */
export const fates = ['prompt', 'slow', 'second-try', 'refused'] as const;
export type Fate = (typeof fates)[number];

export interface Plan {
  readonly n: number;
  readonly fate: Fate;
  /** Sent again with the same content when the answer was lost, until there is one. */
  readonly key: 'external' | 'idempotency' | null;
  /** Not before this moment, as the request says or as follows from when it was sent. */
  readonly notBeforeMs: number;
  /** Milliseconds after the acceptance; null: never. */
  readonly cancelAfterMs: number | null;
  /** Its payload is changed so long after the acceptance; null: never. */
  readonly patchAfterMs: number | null;
  readonly expires: boolean;
  /** The event as it is posted. */
  readonly body: Readonly<Record<string, unknown>>;
}

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
}

export function planEvent({ n, random, urlOf, single, aheadMsMax }: PlanOptions): Plan {
  const dice = random();
  const fate: Fate = dice < 0.8 ? 'prompt' : dice < 0.88 ? 'second-try' : dice < 0.96 ? 'slow' : 'refused';
  const keyDice = random();
  const key = keyDice < 0.4 ? 'external' : keyDice < 0.55 && single ? 'idempotency' : null;
  const aheadMs = random() < 0.2 ? 0 : Math.floor(random() * aheadMsMax);
  const now = Date.now();
  const byDelay = random() < 0.3;
  const expires = random() < 0.05;
  const scheduledAtMs = now + aheadMs;
  return {
    n,
    fate,
    key,
    notBeforeMs: scheduledAtMs,
    cancelAfterMs: random() < 0.15 ? Math.floor(random() * (aheadMs + 100)) : null,
    patchAfterMs: random() < 0.15 ? Math.floor(random() * (aheadMs + 100)) : null,
    expires,
    body: {
      ...(key === 'external' ? { external_job_id: `job-${n}`, source: 'torture' } : {}),
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
