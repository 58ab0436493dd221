/**
 * Opens connections, and only to addresses that egress allows (faults F32).
 *
 * The check stands where the connection is made. A check before that (of the URL, or by a look-up of our own) would be
 * answered by one resolution of the name and the connection by another, and whoever owns the name decides what the second
 * says. Here the addresses that are checked are the ones that are connected to. One forbidden address refuses the name
 * altogether: a name that mixes public and internal addresses is not a mistake.
 */
import type { LookupAddress } from 'node:dns';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { buildConnector } from 'undici';
import type { EgressPolicy } from './egress.js';
import type { Resolve } from './resolver.js';
import { buildConnector as connectorOf } from './undici.js';

/** Longer than any healthy handshake; an attempt whose own time is up earlier ends earlier. */
export const connectMsMax = 10_000;

export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';

  constructor(reason: string) {
    super(`egress-refused: ${reason}`);
  }
}

export interface ConnectTarget {
  readonly hostname: string;
  readonly protocol: string;
  readonly port: string;
}

/** Null when it failed before there was a socket to give up. */
export type Connect = (options: buildConnector.Options, done: buildConnector.Callback) => Socket | null;

export function createConnector({ policy, resolve }: { readonly policy: EgressPolicy; readonly resolve: Resolve }): Connect {
  const open = connectorOf({ timeout: connectMsMax, lookup: checkedLookup(policy, resolve) }) as unknown as (
    options: buildConnector.Options,
    done: buildConnector.Callback,
  ) => Socket;
  return (options, done) => {
    // Node skips the look-up for what is an address already.
    if (isIP(options.hostname) !== 0) {
      const fault = policy.checkLiteral(options.hostname);
      if (fault !== null) {
        queueMicrotask(() => done(new EgressRefused(fault), null));
        return null;
      }
    }
    return open(options, done);
  };
}

function checkedLookup(policy: EgressPolicy, resolve: Resolve): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, (error, addresses) => {
      const first = addresses[0];
      if (error !== null || first === undefined) {
        done(error ?? noAddress(hostname), []);
        return;
      }
      const fault = policy.allowsHost(hostname) ? null : firstFault(policy, addresses);
      if (fault !== null) done(new EgressRefused(`${hostname} resolves to a refused address: ${fault}`), []);
      else if (options.all === true) done(null, [...addresses]);
      else done(null, first.address, first.family);
    });
  };
}

function firstFault(policy: EgressPolicy, addresses: readonly LookupAddress[]): string | null {
  for (const { address } of addresses) {
    const fault = policy.checkAddress(address);
    if (fault !== null) return fault;
  }
  return null;
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
}
