/** Files of a log as a later version might have written them: whole, and in a format that this one does not read. */
import { readFileSync, writeFileSync } from 'node:fs';
import { crcOf } from '../../engine/log/checksum.js';
import { markPath } from '../../engine/log/segment/mark.js';
import type { SegmentName } from '../../engine/log/segment/segment-files.js';
import { openDatabase } from '../../engine/log/sqlite.js';

export function makeSegmentLater({ path }: SegmentName): void {
  const database = openDatabase(path, { mode: 'write' });
  const { partition, first, chain, at } = database
    .prepare('SELECT partition, first, chain_before AS chain, created_at AS at FROM header')
    .get() as Record<string, number>;
  database.prepare('UPDATE header SET format = 3, crc = ?').run(crcOf(Buffer.from(`3 ${partition} ${first} ${chain} ${at}`)));
  database.pragma('wal_checkpoint(truncate)');
  database.close();
}

export function makeMarkLater(dir: string): void {
  const path = markPath(dir);
  const bytes = readFileSync(path);
  for (const at of [0, 4096]) {
    bytes.write('ESM2', at, 'latin1');
    bytes.writeUInt32LE(crcOf(bytes.subarray(at, at + 20)), at + 20);
  }
  writeFileSync(path, bytes);
}
