/** F40: a stop takes nothing away. SIGTERM waits for attempts in flight, but not for ever; a second one does not wait. */
import t from 'tap';
import { pause, until, within } from '../support/deadline.js';
import { startReceiver } from '../support/receiver.js';
import { startServer } from '../support/server.js';

/** What the contract allows for attempts in flight, and what closing may take on a busy machine. */
const drainMs = 10_000;
const closingMsMax = 4_000;
const sameSignalMs = 500;
const timeout = 60_000;

t.setTimeout(timeout);
/** The hanging attempt takes its ten seconds, so the others are tried meanwhile. */
t.jobs = 4;

t.test(
  'attempts in flight at SIGTERM finish and are recorded; nothing new is taken or started',
  { buffered: true, timeout },
  async (t) => {
    const receiver = await startReceiver(t);
    const server = await startServer(t);
    await server.ready();
    receiver.answer('/slow', { delayMs: 3_000 });
    const inFlight = await server.client.schedule({ destination: `${receiver.url}/slow` });
    const later = await server.client.schedule({ destination: `${receiver.url}/later`, delay_ms: 2_000 });
    await receiver.until('/slow', 1);
    const { exited } = server.program;
    server.signal('SIGTERM');
    await until('nothing is taken any more', async () => {
      const answer = await server.client.schedule({ destination: `${receiver.url}/new` }).catch(() => null);
      return answer === null || answer.status === 503;
    });
    const { code } = await within('the server ends', exited, drainMs);
    t.equal(code, 0);
    t.equal(receiver.at('/slow')[0]!.status, 204, 'the receiver could answer');
    t.same(receiver.at('/later'), [], 'what became due meanwhile was not started');
    await server.restart();
    await receiver.until('/later', 1);
    const { body } = await server.client.event(inFlight.body.id);
    t.equal(body.status, 'DELIVERED');
    t.equal(body.attempts, 1);
    t.equal(receiver.at('/slow').length, 1, 'and was not made again');
    t.equal(receiver.at('/later')[0]!.id, later.body.id);
  },
);

t.test(
  'an attempt that hangs is given up after ten seconds and made again under the same number',
  { buffered: true, timeout },
  async (t) => {
    const receiver = await startReceiver(t);
    const server = await startServer(t);
    receiver.answer('/hang', () => ({ hang: receiver.at('/hang').length === 1 }));
    const { body } = await server.client.schedule({ destination: `${receiver.url}/hang` });
    await receiver.until('/hang', 1);
    const startedAt = performance.now();
    const { code } = await server.stop();
    const tookMs = performance.now() - startedAt;
    t.equal(code, 0);
    t.ok(tookMs >= drainMs - 500, `it was given its time: ${Math.round(tookMs)} ms`);
    t.ok(tookMs <= drainMs + closingMsMax, `and no more than that: ${Math.round(tookMs)} ms`);
    await server.restart();
    const [first, second] = await receiver.until('/hang', 2);
    t.equal(second!.id, first!.id);
    t.equal(second!.attempt, 1);
    const delivered = await until('it is recorded', async () => {
      const answer = await server.client.event(body.id);
      return answer.body.status === 'DELIVERED' && answer.body;
    });
    t.equal(delivered.version, 3, 'there is no second transition for it');
  },
);

t.test('a second signal does not wait', { buffered: true, timeout }, async (t) => {
  const receiver = await startReceiver(t);
  const server = await startServer(t);
  receiver.answer('/hang', { hang: true });
  await server.client.schedule({ destination: `${receiver.url}/hang` });
  await receiver.until('/hang', 1);
  const startedAt = performance.now();
  server.signal('SIGTERM');
  await server.program.line(/"msg":"stopping/);
  // One that follows at once is the same Ctrl-C, passed on by npm.
  await pause(sameSignalMs + 200);
  server.signal('SIGTERM');
  const { code } = await within('the server ends', server.program.exited);
  t.equal(code, 130);
  t.ok(performance.now() - startedAt < drainMs / 2);
});

t.test('Ctrl-C on an idle server ends it at once with exit code 0', { buffered: true, timeout }, async (t) => {
  const server = await startServer(t);
  // While its threads begin it is not idle, and on a busy machine that takes seconds.
  await server.ready();
  server.signal('SIGINT');
  const { code } = await within('the server ends', server.program.exited, drainMs - 1_000);
  t.equal(code, 0);
  t.same(server.program.stderr, []);
});
