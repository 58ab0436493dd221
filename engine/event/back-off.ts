/** When the next attempt may start after a failed one. Arithmetic: the randomness is a number that comes in. */
import type { RetryPolicy } from './spec.js';

/**
 * Milliseconds to wait after failed attempt `attempt` (from 1). `random` in [0, 1) spreads full jitter over (0, wait].
 * exponential: initial * multiplier^(n-1); linear: initial * n; fixed: initial; never above `maxMs`.
 */
export function backOffMs(policy: RetryPolicy, { attempt, random }: { attempt: number; random: number }): number {
  const wait = Math.min(policy.maxMs, uncappedMs(policy, attempt));
  return policy.jitter === 'none' ? Math.round(wait) : Math.round(wait * (1 - random));
}

function uncappedMs(policy: RetryPolicy, attempt: number): number {
  switch (policy.strategy) {
    case 'exponential':
      return policy.initialMs * policy.multiplier ** (attempt - 1);
    case 'linear':
      return policy.initialMs * attempt;
    case 'fixed':
      return policy.initialMs;
  }
}
