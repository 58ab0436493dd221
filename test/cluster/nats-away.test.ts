/**
 * NATS out of reach of everybody: restarted twenty times under load (F14), the last three of them behind half, one and two times to live (P3). What has a lease goes on until
 * that is over, nothing starts behind it, nothing that was acknowledged is lost, and everything goes on by itself. At last it comes back with an older copy of its
 * store (F15, P6): what it has lost the nodes have.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { leaseMarginMs, sessionTtlMs } from '../../engine/kernel/limits.js';
import { startCluster } from '../support/cluster.js';
import { pause, until } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';
import { startReceiver } from '../support/receiver.js';
import { temporaryDir } from '../support/server.js';
import { auditMarkers } from './marker-audit.js';
import { doubled, repeats, SteadyLoad } from './steady-load.js';

t.setTimeout(170_000);

/** Each takes requests, too: none of them ever goes. */
const nodes = ['a', 'b'];
/** With the three that are longer there are twenty. */
const restarts = 17;
/** Halfway, stopped in order. */
const copiedIn = 9;
/** An attempt that is under way when NATS goes is recorded behind its answer, so it may be made again. */
const underWayMs = 1_000;

t.test(
  'NATS goes and comes back, and nothing starts behind a lease or is lost',
  { ...needsNats, timeout: 160_000 },
  async (t) => {
    const nats = await startNats(t);
    const older = join(temporaryDir(t), 'older');
    const cluster = await startCluster(t, { nats: [nats], nodes, partitions: 4 });
    const receiver = await startReceiver(t);
    const load = new SteadyLoad({ client: cluster.client, receiver, source: 'away' });

    /** From when NATS was not there, and until when. */
    const spans: { readonly fromMs: number; readonly toMs: number }[] = [];
    await load.beside(async () => {
      for (let round = 0; round < restarts; round++) {
        const fromMs = Date.now();
        await (round % 2 === 0 ? nats.kill() : nats.stop());
        if (round === copiedIn) cpSync(nats.storeDir, older, { recursive: true });
        await nats.restart();
        spans.push({ fromMs, toMs: Date.now() });
        await pause(200);
      }
    });
    await cluster.shared(nodes, 40_000);

    for (const factor of [0.5, 1, 2]) {
      const awayMs = factor * sessionTtlMs;
      // Known before, as nothing is accepted meanwhile.
      const due = Array.from({ length: 40 }, (_, n) => Date.now() + 1_000 + (n * awayMs) / 40);
      await Promise.all(due.map((dueAtMs) => load.schedule(dueAtMs)));
      const fromMs = Date.now();
      if (factor === 2) await nats.kill();
      else nats.signal('SIGSTOP');
      await pause(awayMs);
      const toMs = Date.now();
      if (factor === 2) await nats.restart();
      else nats.signal('SIGCONT');
      spans.push({ fromMs, toMs });
      await cluster.shared(nodes, 40_000);
    }

    await load.stop();
    const came = await load.allCame();
    t.same(load.failed, [], 'no request failed for good');
    t.same(doubled(came), [], 'each came under one id');
    for (const { fromMs, toMs } of spans) {
      const leasesOver = fromMs + sessionTtlMs - leaseMarginMs;
      const overdue = [...came.values()].filter(({ dueAtMs }) => dueAtMs > leasesOver && dueAtMs < toMs);
      const early = overdue.filter(({ arrivedAtMs }) => arrivedAtMs.some((atMs) => atMs < toMs));
      t.same(early, [], `of ${overdue.length} that fell due behind the leases nothing was started before NATS was back`);
    }
    const again = [...came.values()].filter(({ arrivedAtMs }) => arrivedAtMs.length > 1);
    const unexplained = again.filter(({ arrivedAtMs: [first] }) => {
      return !spans.some(({ fromMs, toMs }) => first! >= fromMs - underWayMs && first! <= toMs + underWayMs);
    });
    t.same(unexplained, [], 'what came twice came first when its outcome could not be recorded');
    t.comment(
      `${came.size} accepted, ${load.kept} kept, ${load.putOff} put off, of ${load.unknown} nobody knew, ${repeats(came)} came twice`,
    );
    t.same((await auditMarkers(await connectNats(t, nats.url), { streams: 4 })).faults, []);

    const pending = Array.from({ length: 20 }, (_, n) => Date.now() + 10_000 + n * 100);
    await Promise.all(pending.map((dueAtMs) => load.schedule(dueAtMs)));
    // What is kept for an owner nobody has but NATS.
    await load.allDecided();
    await nats.kill();
    rmSync(nats.storeDir, { recursive: true });
    cpSync(older, nats.storeDir, { recursive: true });
    await nats.restart();
    await cluster.shared(nodes, 60_000);
    await Promise.all(pending.map(() => load.schedule(Date.now())));
    const after = await load.allCame();
    t.equal(after.size, came.size + 2 * pending.length);
    t.same(load.failed, [], 'no request failed for good');
    t.same(doubled(after), [], 'each came under one id');
    await until('it is told', async () => (await cluster.view()).partitions.every(({ data_loss_count }) => data_loss_count! > 0));
  },
);
