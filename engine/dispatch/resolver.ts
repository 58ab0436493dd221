/**
 * Names to addresses.
 *
 * The system's resolver (`getaddrinfo`, so that /etc/hosts and container networks count) runs on libuv's four pool threads
 * and may take many seconds for a name whose server is dead. With 64 attempts waiting for the same dead name every other
 * name would wait too, so concurrent look-ups of one name are one. Nothing is remembered beyond that: an address is
 * connected to right after it was looked up and checked.
 */
import { type LookupAddress, lookup } from 'node:dns';

export type ResolveDone = (error: Error | null, addresses: readonly LookupAddress[]) => void;
export type Resolve = (hostname: string, done: ResolveDone) => void;

const systemResolve: Resolve = (hostname, done) => {
  lookup(hostname, { all: true, verbatim: true }, (error, addresses) => done(error, addresses ?? []));
};

export function createResolver(resolve: Resolve = systemResolve): Resolve {
  const asked = new Map<string, ResolveDone[]>();
  return (hostname, done) => {
    const waiting = asked.get(hostname);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    const all = [done];
    asked.set(hostname, all);
    resolve(hostname, (error, addresses) => {
      asked.delete(hostname);
      for (const each of all) each(error, addresses);
    });
  };
}
