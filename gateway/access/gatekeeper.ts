/**
 * May this request be made? The one place that decides it, for calls, WebSockets and event streams alike.
 *
 * In order: is there a key and is it ours (401), has it requests left (429), may it do this (403). Without a file of keys
 * everybody may do everything but web pages of other sites (403); the configuration allows that on loopback only, or on purpose.
 */
import { problemReply } from '../http/problem.js';
import type { Reply } from '../http/reply.js';
import { refuse } from '../input/refusal.js';
import type { KeyScope } from './api-key.js';
import type { HeldKey, Keyring } from './keyring.js';
import { isForeign, type WebOrigin } from './web-origin.js';

/** What a request brings along. */
export interface Credentials {
  /** The header. */
  readonly authorization: string | null;
  /** `?token=`, for browsers, which cannot set headers on a WebSocket or an event stream. */
  readonly token: string | null;
}

export interface Question {
  readonly scope: KeyScope | 'none';
  readonly credentials: Credentials;
  readonly from: WebOrigin;
  /** For the problem document. */
  readonly path: string;
}

/** Who is let in. `key` is null when no key was asked for. */
export interface Caller {
  readonly key: HeldKey | null;
}

export type Admission =
  /** `headers` belong into the answer, whatever it is. */
  { readonly caller: Caller; readonly headers: Reply['headers'] } | { readonly refused: Reply };

const none: Reply['headers'] = [];
const anybody: Admission = { caller: { key: null }, headers: none };

export class Gatekeeper {
  readonly #keyring: Keyring | null;
  readonly #monoMs: () => number;

  /** `keyring` null: no keys are asked for. */
  constructor({ keyring, monoMs }: { keyring: Keyring | null; monoMs: () => number }) {
    this.#keyring = keyring;
    this.#monoMs = monoMs;
  }

  admit({ scope, credentials, from, path }: Question): Admission {
    if (scope === 'none') return anybody;
    if (this.#keyring === null) return isForeign(from) ? { refused: notFromThere(path) } : anybody;
    const token = tokenOf(credentials);
    if (token === null) return { refused: challenge({ path, detail: 'this call needs an API key', parameters: '' }) };
    const key = this.#keyring.find(token);
    if (key === null) return { refused: notKnown(path) };
    const state = key.window?.take(this.#monoMs()) ?? null;
    const headers = state === null ? none : key.window!.headers(state);
    if (state?.granted === false) return { refused: withHeaders(tooOften(key, state.resetS, path), headers) };
    if (!key.scopes.includes(scope)) return { refused: withHeaders(outOfScope(key, scope, path), headers) };
    return { caller: { key }, headers };
  }

  /** For whoever was let in a while ago and has stayed: is it still so? */
  stillMay({ key }: Caller, scope: KeyScope): boolean {
    if (this.#keyring === null || key === null) return true;
    return this.#keyring.current(key)?.scopes.includes(scope) === true;
  }
}

const bearer = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i;

/** The header decides if there is one, so that nobody can put another key into a link that somebody with a key follows. */
function tokenOf({ authorization, token }: Credentials): string | null {
  return authorization === null ? token : (bearer.exec(authorization)?.[1] ?? null);
}

/** RFC 6750, 3: without a token no error code. */
function challenge({ path, detail, parameters }: { path: string; detail: string; parameters: string }): Reply {
  return withHeaders(problemReply(refuse('unauthenticated', detail), path), [
    ['WWW-Authenticate', `Bearer realm="escapement"${parameters}`],
  ]);
}

/** There is no such key, or not any more. */
export function notKnown(path: string): Reply {
  return challenge({ path, detail: 'the API key is not known', parameters: ', error="invalid_token"' });
}

function outOfScope({ name, scopes }: HeldKey, scope: KeyScope, path: string): Reply {
  const detail = `this call needs the scope ${scope}; the key ${name} has ${scopes.join(', ')}`;
  return withHeaders(problemReply(refuse('forbidden', detail), path), [
    ['WWW-Authenticate', `Bearer realm="escapement", error="insufficient_scope", scope="${scope}"`],
  ]);
}

function notFromThere(path: string): Reply {
  return problemReply(refuse('forbidden', 'web pages of other sites are let in only where API keys are asked for'), path);
}

function tooOften({ name, rateLimit }: HeldKey, resetS: number, path: string): Reply {
  const detail = `the key ${name} may make ${rateLimit!.requests} requests in ${rateLimit!.windowS} s`;
  return withHeaders(problemReply(refuse('rate-limited', detail), path), [['Retry-After', String(resetS)]]);
}

export function withHeaders(reply: Reply, headers: Reply['headers']): Reply {
  return headers.length === 0 ? reply : { ...reply, headers: [...reply.headers, ...headers] };
}
