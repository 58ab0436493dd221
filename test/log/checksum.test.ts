import { crc32 } from 'node:zlib';
import t from 'tap';
import type { WallMs } from '../../engine/kernel/brand.js';
import { chainOf, chainStart } from '../../engine/log/checksum.js';
import { crcOfRecord, Journal, seq } from './log-fixture.js';

t.test('the chain is the CRC-32 of the checksums, one after the other', (t) => {
  const sums = [0, 1, 0x80000000, 0xffffffff, 0x12345678];
  const bytes = Buffer.alloc(4 * sums.length);
  let chain = chainStart;
  for (const [place, crc] of sums.entries()) {
    bytes.writeUInt32LE(crc, place * 4);
    chain = chainOf(chain, crc);
    t.equal(chain, crc32(bytes.subarray(0, (place + 1) * 4)));
  }
  t.end();
});

t.test('every field of a record is in its checksum', (t) => {
  const record = new Journal(9).accepted();
  const others = [
    { ...record, seq: seq(10) },
    { ...record, kind: 2 as const },
    { ...record, event: new Uint8Array(16) },
    { ...record, prev: seq(1) },
    { ...record, at: (record.at + 0.25) as WallMs },
    { ...record, body: record.body.subarray(1) },
  ];
  for (const other of others) t.not(crcOfRecord(other), crcOfRecord(record));
  t.end();
});
