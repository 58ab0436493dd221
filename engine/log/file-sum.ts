/** The checksum of a whole file, read in blocks. */
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const blockBytes = 1024 * 1024;

/** Throws what the system says when the file cannot be read. */
export function sumOfFile(path: string): { readonly bytes: number; readonly crc: number } {
  const block = new Uint8Array(blockBytes);
  const fd = openSync(path, 'r');
  try {
    let crc = 0;
    for (let at = 0; ; ) {
      const count = readSync(fd, block, 0, block.length, at);
      if (count === 0) return { bytes: at, crc };
      crc = crc32(block.subarray(0, count), crc);
      at += count;
    }
  } finally {
    closeSync(fd);
  }
}
