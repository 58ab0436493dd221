import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import t, { type Test } from 'tap';
import type { CourierThreadOptions } from '../../engine/dispatch/courier-thread.js';
import { decodeReplies, encodeRequests } from '../../engine/dispatch/courier-mail.js';
import type { CourierControl, CourierNotice, CourierReply, CourierRequest } from '../../engine/dispatch/protocol.js';
import { attemptOf, nothingSet } from './fixtures.js';
import { startNastyServer } from './nasty-server.js';

const options: CourierThreadOptions = {
  originConcurrency: 4,
  attemptsInFlightMax: 100,
  breaker: true,
  originsMax: 100,
  partitions: 1,
  recoveryRate: 1_000,
  egress: 'network',
  egressAllow: '',
  webhookSecrets: [`whsec_${Buffer.alloc(24, 1).toString('base64')}`],
  version: '0.0.0-test',
};

/** The next message that fits. */
function awaited<Message, Found extends Message>(
  port: MessagePort,
  fits: (message: Message) => message is Found,
): Promise<Found> {
  return new Promise((resolve) => {
    const look = (message: Message) => {
      if (!fits(message)) return;
      port.off('message', look);
      resolve(message);
    };
    port.on('message', look);
  });
}

async function setup(t: Test, changes: Partial<CourierThreadOptions> = {}) {
  const server = await startNastyServer(t);
  const pool = new Piscina({
    filename: new URL('../../engine/dispatch/courier-thread.cjs', import.meta.url).href,
    name: 'runCourierThread',
    minThreads: 1,
    maxThreads: 1,
    atomics: 'disabled',
  });
  t.teardown(() => pool.destroy());
  const control = new MessageChannel();
  const task = pool.run(
    { options: { ...options, ...changes }, nats: null, workerPort: control.port2, lease: null },
    { transferList: [control.port2] },
  );
  const tell = (message: CourierControl, ports: MessagePort[] = []) => control.port1.postMessage(message, ports);
  const attach = (host: number) => {
    const { port1, port2 } = new MessageChannel();
    tell({ op: 'attach', host, port: port2 }, [port2]);
    const replies: CourierReply[] = [];
    const waiting: (() => void)[] = [];
    port1.on('message', (bytes: Uint8Array) => {
      replies.push(...decodeReplies(bytes));
      for (const wake of waiting.splice(0)) wake();
    });
    return {
      port: port1,
      ask: (...requests: CourierRequest[]) => {
        const bytes = encodeRequests([nothingSet, ...requests]);
        port1.postMessage(bytes, [bytes.buffer]);
      },
      /** Takes the next reply of this kind out. */
      next: async <Op extends CourierReply['op']>(op: Op): Promise<Extract<CourierReply, { op: Op }>> => {
        for (;;) {
          const at = replies.findIndex((reply) => reply.op === op);
          if (at !== -1) return replies.splice(at, 1)[0] as Extract<CourierReply, { op: Op }>;
          await new Promise<void>((resolve) => waiting.push(resolve));
        }
      },
    };
  };
  const notice = <Op extends CourierNotice['op']>(op: Op) =>
    awaited(control.port1, (message: CourierNotice): message is Extract<CourierNotice, { op: Op }> => message.op === op);
  const origin = `http://127.0.0.1:${server.port}`;
  const attempt = (path: string, timeoutMs = 10_000) =>
    attemptOf({ dueAtMs: Date.now(), spec: { destination: `${origin}${path}`, timeoutMs } });
  return { server, task, tell, attach, notice, origin, attempt };
}

t.test('a courier thread delivers for several hosts, reports figures, drains and ends', async (t) => {
  const { task, tell, attach, notice, origin, attempt, server } = await setup(t);
  const hosts = [attach(0), attach(1)];
  for (const host of hosts) host.ask({ op: 'want', origin, lane: 'regular', count: 1 });
  for (const host of hosts) {
    t.equal((await host.next('grant')).count, 1);
    const sent = attempt('/503');
    host.ask({ op: 'start', attempt: sent });
    const { outcome } = await host.next('outcome');
    t.same([outcome.kind, outcome.statusCode, outcome.error, outcome.retryAfterMs], ['failed', 503, 'HTTP 503', 3_000]);
    t.ok(Buffer.from(outcome.event).equals(sent.event));
    t.equal(Buffer.from(outcome.responseBody!).toString(), 'ok');
    t.ok(outcome.lagMs >= 0 && outcome.durationMs > 0);
    t.ok(outcome.startedAtMs >= sent.dueAtMs);
  }
  t.match(server.requests[0], 'user-agent: escapement/0.0.0-test');
  const { figures } = await notice('figures');
  // Each of the two has the next slot in advance.
  t.match(figures, { running: 0, taken: 2, origins: 1 });
  t.ok(figures.loopDelaysMs.every((delay) => delay >= 0));
  tell({ op: 'drain', drainMs: 1_000 });
  t.equal((await notice('drained')).left, 0);
  tell({ op: 'close' });
  await task;
});

t.test('a host whose port is closed is gone, and its successor under the same number gets what still runs', async (t) => {
  const { task, tell, attach, origin, attempt, server } = await setup(t);
  const first = attach(0);
  first.ask({ op: 'want', origin, lane: 'regular', count: 4 });
  await first.next('grant');
  const running = attempt('/never', 400);
  first.ask({ op: 'start', attempt: running });
  while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  first.port.close();
  const second = attach(0);
  second.ask({ op: 'running?', partition: running.partition }, { op: 'want', origin, lane: 'regular', count: 10 });
  const { attempts } = await second.next('running');
  t.ok(Buffer.from(attempts[0]!.event).equals(running.event));
  t.equal((await second.next('grant')).count, 3, 'the slots that the first had not used');
  t.equal((await second.next('waiting')).reason, 'concurrency');
  t.equal((await second.next('outcome')).outcome.error, 'timed out after 400 ms');
  t.equal((await second.next('grant')).count, 1);
  tell({ op: 'close' });
  await task;
});

t.test('a drain that takes too long says how many are left; closing leaves no socket', async (t) => {
  const { task, tell, attach, notice, origin, attempt, server } = await setup(t);
  const host = attach(0);
  host.ask({ op: 'want', origin, lane: 'regular', count: 1 });
  await host.next('grant');
  host.ask({ op: 'start', attempt: attempt('/never') });
  while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  tell({ op: 'drain', drainMs: 50 });
  t.equal((await notice('drained')).left, 1);
  tell({ op: 'close' });
  await task;
  for (let round = 0; round < 200 && server.sockets.size > 0; round++) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(server.sockets.size, 0);
});

t.test('a host that breaks the protocol ends the thread with the reason', async (t) => {
  const { task, attach, attempt } = await setup(t);
  attach(0).ask({ op: 'start', attempt: attempt('/200') });
  await t.rejects(task, { message: /^host 0 started an attempt at .* without a slot$/ });
});

t.test('a secret or a range that is no good ends the thread before it begins', async (t) => {
  const { task } = await setup(t, { egressAllow: '10.0.0.0/99' });
  await t.rejects(task, { message: /^ESCAPEMENT_EGRESS_ALLOW: 10.0.0.0\/99/ });
  const other = await setup(t, { webhookSecrets: ['secret'] });
  await t.rejects(other.task, { message: /^webhook secret 1/ });
});

t.test('a destination that hangs delays no other (F22)', async (t) => {
  const { task, tell, attach, attempt, origin } = await setup(t);
  const poison = await startNastyServer(t);
  const poisoned = `http://127.0.0.1:${poison.port}`;
  const host = attach(0);
  host.ask({ op: 'want', origin: poisoned, lane: 'regular', count: 50 });
  await host.next('grant');
  const hanging = Array.from({ length: 4 }, () => attemptOf({ spec: { destination: `${poisoned}/never`, timeoutMs: 60_000 } }));
  host.ask(...hanging.map((each) => ({ op: 'start' as const, attempt: each })));
  host.ask({ op: 'want', origin, lane: 'regular', count: 200 });
  const lags: number[] = [];
  for (let granted = 0; granted < 200; ) {
    const grant = await host.next('grant');
    t.equal(grant.origin, origin);
    granted += grant.count;
    host.ask(...Array.from({ length: grant.count }, () => ({ op: 'start' as const, attempt: attempt('/200') })));
    for (let ended = 0; ended < grant.count; ended++) lags.push((await host.next('outcome')).outcome.lagMs);
  }
  lags.sort((a, b) => a - b);
  t.ok(lags[Math.floor(lags.length * 0.99)]! < 100, `99 % of 200 started within ${lags[Math.floor(lags.length * 0.99)]} ms`);
  tell({ op: 'close' });
  await task;
});
