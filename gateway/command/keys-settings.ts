/** What `escapement keys` can be told: the file, and the two properties of a new key. */
import { settings } from '../../engine/index.js';
import { type KeyScope, keyScopes, type RateLimit } from '../access/api-key.js';
import { rateLimitRequestsMax, rateLimitWindowSMax } from '../limits.js';

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** `100/s`, `600/m`, `5000/12h`. */
function readRateLimit(given: string): RateLimit | undefined {
  const [, requests = '', count = '', unit = ''] = /^(\d{1,10})\/(\d{0,5})([smh])$/.exec(given) ?? [];
  const limit = { requests: Number(requests), windowS: (count === '' ? 1 : Number(count)) * (seconds[unit] ?? 0) };
  const isWithin =
    limit.requests >= 1 && limit.requests <= rateLimitRequestsMax && limit.windowS >= 1 && limit.windowS <= rateLimitWindowSMax;
  return isWithin ? limit : undefined;
}

function readScopes(given: string): readonly KeyScope[] | undefined {
  const named = given.split(',').map((scope) => scope.trim());
  const isKnown = named.every((scope) => (keyScopes as readonly string[]).includes(scope));
  return isKnown ? keyScopes.filter((scope) => named.includes(scope)) : undefined;
}

export const keysSettings = {
  apiKeys: settings.apiKeys,
  scopes: {
    name: 'SCOPES',
    form: { expects: `some of ${keyScopes.join(',')}`, placeholder: keyScopes.join(','), read: readScopes },
    fallback: null as readonly KeyScope[] | null,
    fallbackText: 'none; create needs some',
    meaning: 'what the new key may do; none of them contains another',
    flagOnly: true,
  },
  rateLimit: {
    name: 'RATE_LIMIT',
    form: {
      expects: 'a number of requests for a time of at most a day, such as 100/s, 600/m or 5000/12h',
      placeholder: 'n/time',
      read: readRateLimit,
    },
    fallback: null as RateLimit | null,
    fallbackText: 'none',
    meaning: 'how many requests the new key may make, and in which time',
    flagOnly: true,
  },
} as const;
