/** The folder in memory for what most tests write, of one run: `escapement-tests-<its process>-<chance>`. */
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';

/** As Linux has it, often small in a container. Each server keeps 32 MiB of ballast and wants 256 MiB to be free. */
const memoryPlace = '/dev/shm';
const roomMin = 4 * 1024 ** 3;
const memoryMin = 1.5 * roomMin;
const prefix = 'escapement-tests-';

/**
 * Makes one, which goes with this process, or returns null where there is no room for it or TMPDIR names another place. A disk that six files sync at once makes all of them wait
 * and costs a tenth of their CPU, and they are not about it: what a machine loses without a sync is the simulator's part, and tests of crashes have a disk.
 */
export function memoryFolder() {
  if (process.env.TMPDIR !== undefined || process.platform !== 'linux') return null;
  try {
    sweep(memoryPlace);
    const { bavail, bsize } = statfsSync(memoryPlace);
    if (freemem() < memoryMin || bavail * bsize < roomMin) return null;
    const dir = mkdtempSync(join(memoryPlace, `${prefix}${process.pid}-`));
    process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
    return dir;
  } catch {
    return null; // Not there, or not ours to write to.
  }
}

/** Removes what runs left behind that had no time to: they were killed. */
export function sweep(place) {
  for (const name of readdirSync(place)) {
    const pid = Number(name.startsWith(prefix) ? name.slice(prefix.length).split('-')[0] : Number.NaN);
    if (Number.isInteger(pid) && !lives(pid)) rmSync(join(place, name), { recursive: true, force: true });
  }
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}
