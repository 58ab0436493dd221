/** What stands in a segment changed behind everybody's back, record by record, wherever they lie in its rows. */
import { crcOf } from '../../engine/log/checksum.js';
import { listSegments } from '../../engine/log/segment/segment-files.js';
import { type Database, openDatabase } from '../../engine/log/sqlite.js';
import { placeBytes, Strip, stripHeadBytes } from '../../engine/log/segment/strip.js';

/** One record of a row, to be changed in place or exchanged. */
export interface Stored {
  /** As in `record-batch.ts`. */
  record: Buffer;
  crc: number;
  chain: number;
  /** Added to where its place says that it ends. */
  endOff: number;
}

const at = 21;
const event = 29;

/** Each changes one record and nothing else. */
export const damages = {
  record: ({ record }: Stored): void => {
    record[at]! ^= 1;
  },
  longer: (stored: Stored): void => {
    stored.record = Buffer.concat([stored.record, Buffer.alloc(1)]);
  },
  event: ({ record }: Stored): void => {
    Buffer.from('00112233445566778899aabbccddeeff', 'hex').copy(record, event);
  },
  crc: (stored: Stored): void => {
    stored.crc ^= 1;
  },
  chain: (stored: Stored): void => {
    stored.chain ^= 1;
  },
  end: (stored: Stored): void => {
    stored.endOff = 4;
  },
} as const;

export function damageRecord(path: string, seq: number, damage: (stored: Stored) => void = damages.record): void {
  change(path, seq, (stored, place) => {
    damage(stored[place]!);
    return [stored];
  });
}

/** The same in the segment of a log that holds it. */
export function damageIn(log: { readonly dir: string }, seq: number, damage?: (stored: Stored) => void): void {
  damageRecord(listSegments(log.dir).findLast(({ first }) => first <= seq)!.path, seq, damage);
}

/** They are gone, and the rows say nothing of them. */
export function removeRecords(path: string, ...seqs: readonly number[]): void {
  for (const seq of seqs) change(path, seq, (stored, place) => [stored.slice(0, place), stored.slice(place + 1)]);
}

export function storedRecord(path: string, seq: number): Stored {
  let found: Stored | null = null;
  change(path, seq, (stored, place) => {
    found = { ...stored[place]!, record: Buffer.from(stored[place]!.record) };
    return [stored];
  });
  return found!;
}

/** Sequence of the first record of each row. */
export function stripsOf(path: string): number[] {
  return withDatabase(path, (database) => database.prepare('SELECT first FROM strip ORDER BY first').pluck().all() as number[]);
}

/** The row of `seq` becomes those that `work` makes of its records, the place of `seq` among them given. */
function change(path: string, seq: number, work: (stored: Stored[], place: number) => Stored[][]): void {
  withDatabase(path, (database) => {
    const newest = database.prepare('SELECT first, content FROM strip WHERE first <= ? ORDER BY first DESC LIMIT 1');
    const [first, content] = newest.raw().get(seq) as [number, Buffer];
    const strip = Strip.of(first, content)!;
    const stored = Array.from({ length: strip.count }, (_, place) => ({
      record: Buffer.from(strip.bytesOf(place)),
      crc: strip.storedCrcOf(place),
      chain: strip.storedChainOf(place),
      endOff: 0,
    }));
    const rows = work(stored, seq - first);
    database.prepare('DELETE FROM strip WHERE first = ?').run(first);
    let next = first;
    for (const row of rows) {
      if (row.length > 0) {
        const sum = rows.length === 1 ? content.readUInt32LE(0) : null;
        database.prepare('INSERT INTO strip VALUES (?, ?)').run(next, contentOf(row, sum));
      }
      next += row.length + 1;
    }
  });
}

/** `sum` null: the one that fits. */
function contentOf(row: readonly Stored[], sum: number | null): Buffer {
  const places = Buffer.alloc(placeBytes * row.length);
  let end = 0;
  for (const [place, { record, crc, chain, endOff }] of row.entries()) {
    end += record.length;
    places.writeUInt32LE(end + endOff, placeBytes * place);
    places.writeUInt32LE(crc >>> 0, placeBytes * place + 4);
    places.writeUInt32LE(chain >>> 0, placeBytes * place + 8);
  }
  const head = Buffer.alloc(stripHeadBytes);
  head.writeUInt32LE(row.length, 4);
  const content = Buffer.concat([head, ...row.map(({ record }) => record), places]);
  content.writeUInt32LE(sum ?? crcOf(content.subarray(4)), 0);
  return content;
}

function withDatabase<Answer>(path: string, work: (database: Database) => Answer): Answer {
  const database = openDatabase(path, { mode: 'write' });
  try {
    return work(database);
  } finally {
    database.close();
  }
}
