/**
 * The torture with a retention of seconds, small segments, snapshots every few hundred records, and the newest snapshot of a partition
 * damaged between two processes (F5): nothing acknowledged is lost, what has finished can be read for its retention and goes behind it,
 * and what is pending is carried on.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDir } from '../support/server.js';
import { torture } from './torture.js';
import { promiseOf } from './verdict.js';

const rounds = 6;
const retentionMs = 5_000;
const timeout = 300_000;

t.setTimeout(timeout);

t.test(
  'when the process is killed while snapshots are taken and segments removed, events are there for their retention, and nothing is lost (F5)',
  { timeout },
  async (t) => {
    const dataDir = temporaryDir(t);
    const seed = Date.now() % 1_000_000;
    const files = (ending: string): string[] =>
      readdirSync(join(dataDir, 'partitions'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith(ending))
        .sort();
    let damaged = 0;
    const damageSnapshot = (): void => {
      const newest = files('.snapshot').at(-1);
      if (newest === undefined) return;
      const path = join(dataDir, 'partitions', newest);
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(path, bytes);
      damaged++;
    };
    const { violations, figures } = await torture({
      dataDir,
      seed,
      more: (round) => round < rounds,
      eventsPerSecond: 120,
      loadMs: [300, 1_300],
      report: (line) => t.comment(line),
      retentionMs,
      server: {
        script: new URL('./small-disk-server.js', import.meta.url),
        flags: ['--log-level', 'warn', '--segment-kib', '48', '--snapshot-records', '200', '--retention-ms', String(retentionMs)],
      },
      // Work of the background: on a busy machine it takes longer than a life.
      ripe: { what: 'there is a snapshot to be damaged', isThere: () => files('.snapshot').length > 0 },
      betweenLives: damageSnapshot,
    });
    t.comment(JSON.stringify({ seed, damaged, ...figures }));
    t.same(violations.slice(0, 10), [], promiseOf(violations, seed));
    t.ok(figures.gone > 0, `${figures.gone} events have gone with their segments`);
    t.ok(figures.reads > 20, `${figures.reads} events were read under load`);
    t.ok(damaged >= rounds, `${damaged} snapshots were damaged`);
    const first = files('.log')[0]!;
    t.notMatch(first, /0000\/0*1\.log$/, 'the first segment has gone');
  },
);
