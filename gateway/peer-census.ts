/**
 * Who is connected to our port, from the tables of the Linux kernel.
 *
 *     sl  local_address rem_address   st ...
 *      0: 0100007F:1F90 0100007F:D2A4 01 ...      01: established; words of 4 bytes in the byte order of the machine
 */
import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { peerKey } from './peer-key.js';

/** Connections by `peerKey`. Never rejects; empty where the system has no such tables. */
export type PeerCensus = () => Promise<Map<string, number>>;

/** `port`: ours, read at each census, as it is known only once we listen. */
export function linuxCensus(port: () => number): PeerCensus {
  return async () => {
    const tables = await Promise.all(['/proc/self/net/tcp', '/proc/self/net/tcp6'].map(readTable));
    return countPeers(tables.join('\n'), port());
  };
}

/** A table that is not there has no rows: not Linux, or no IPv6. */
async function readTable(path: string): Promise<string> {
  return readFile(path, 'latin1').catch(() => '');
}

export function countPeers(tables: string, port: number): Map<string, number> {
  const counts = new Map<string, number>();
  const ourPort = port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(`^ *\\d+: [0-9A-F]+:${ourPort} ([0-9A-F]+):[0-9A-F]{4} 01 `, 'gm');
  for (const match of tables.matchAll(row)) {
    const key = peerKey(addressOf(match[1]!));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function addressOf(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'hex');
  return endianness() === 'LE' ? bytes.swap32() : bytes;
}
