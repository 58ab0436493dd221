/**
 * What an API key is: a text that whoever holds it sends, and of which only the digest is kept.
 *
 *     esc_0a1b2c3d4e5f6071_Jx3…43 characters
 *         the id            the secret: 256 random bits
 *
 * The id is no secret. It finds the one digest to compare with, so that a look-up takes the same time for any number of
 * keys; it is what lists and logs show. SHA-256 without salt and stretching is right for a secret that nobody has chosen:
 * `docs/decisions/api-keys-are-random-so-a-plain-digest-is-kept.md`.
 */
import { hash, randomBytes } from 'node:crypto';

/** What a key may do. None contains another: a key that writes does not read. */
export const keyScopes = ['read', 'write', 'admin'] as const;
export type KeyScope = (typeof keyScopes)[number];

export interface RateLimit {
  readonly requests: number;
  readonly windowS: number;
}

/** As it is kept. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly KeyScope[];
  /** SHA-256 of the whole token, 32 bytes. */
  readonly digest: Buffer;
  readonly rateLimit: RateLimit | null;
  /** An RFC 3339 instant. */
  readonly createdAt: string;
}

const form = /^esc_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/** The token is shown once, to whoever asked for the key, and kept nowhere. */
export function mintApiKey(given: Omit<ApiKey, 'id' | 'digest'>): { readonly key: ApiKey; readonly token: string } {
  const id = randomBytes(8).toString('hex');
  const token = `esc_${id}_${randomBytes(32).toString('base64url')}`;
  return { token, key: { ...given, id, digest: digestOf(token) } };
}

/** Null for a text that can be no key. */
export function keyIdOf(token: string): string | null {
  return form.exec(token)?.[1] ?? null;
}

export function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
