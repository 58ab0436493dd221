/**
 * The keys that open the door now, and whose key a token is.
 *
 * One digest is compared for each token, in constant time, whether its id is known or not: how long an answer takes says
 * nothing of which keys there are, nor of how much of a guess was right.
 */
import { timingSafeEqual } from 'node:crypto';
import { type ApiKey, digestOf, keyIdOf } from './api-key.js';
import { RateWindow } from './rate-window.js';

/** A key in use. */
export interface HeldKey extends ApiKey {
  readonly window: RateWindow | null;
}

/** Compared with when there is no key of that id. No token has it. */
const nobody = Buffer.alloc(32);

export class Keyring {
  readonly #equal: (a: Buffer, b: Buffer) => boolean;
  #byId: ReadonlyMap<string, HeldKey> = new Map();

  /** `equal`: what compares digests, for the test that watches it. */
  constructor(keys: readonly ApiKey[], equal: (a: Buffer, b: Buffer) => boolean = timingSafeEqual) {
    this.#equal = equal;
    this.replace(keys);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** What a key has used of its quota stays used while its limit is the same. */
  replace(keys: readonly ApiKey[]): void {
    this.#byId = new Map(keys.map((key) => [key.id, { ...key, window: windowFor(key, this.#byId.get(key.id)) }]));
  }

  /** Null when it is nobody's. */
  find(token: string): HeldKey | null {
    const id = keyIdOf(token);
    if (id === null) return null;
    const key = this.#byId.get(id);
    const same = this.#equal(digestOf(token), key?.digest ?? nobody);
    return same && key !== undefined ? key : null;
  }

  /** As it is now; null once it was revoked, also when its name or id came back with another secret. */
  current(held: HeldKey): HeldKey | null {
    const key = this.#byId.get(held.id);
    return key !== undefined && this.#equal(key.digest, held.digest) ? key : null;
  }
}

function windowFor({ rateLimit }: ApiKey, before: HeldKey | undefined): RateWindow | null {
  if (rateLimit === null) return null;
  const { window } = before ?? { window: null };
  const isSame = window?.limit.requests === rateLimit.requests && window.limit.windowS === rateLimit.windowS;
  return isSame ? window : new RateWindow(rateLimit);
}
