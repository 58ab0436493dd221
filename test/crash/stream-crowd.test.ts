/**
 * F26: 1,000 sockets on the status stream, of which a tenth never reads: memory stays bounded, the others miss nothing, and who
 * reads on in the end hears all of it.
 */
import t from 'tap';
import { until } from '../support/deadline.js';
import { startServer } from '../support/server.js';
import { StreamClient } from '../support/stream-client.js';

const sockets = 1_000;
const deafOneIn = 10;
const sources = 50;
/** More than the buffers of the system hold for who does not read, too. */
const events = 20_000;
const batch = 2_000;
/** What all of it would take if it were kept for those who do not read: 20,000 changes of 350 bytes for each of the 100. */
const keptMiB = (events * 350 * (sockets / deafOneIn)) / 2 ** 20;
/** 256 KiB and a frame for each that does not read, and what 20,000 events and their answers take. */
const allowedMiB = 250;

const timeout = 120_000;

t.setTimeout(timeout);

t.test('1,000 sockets of which 100 never read cost bounded memory', { timeout }, async (t) => {
  t.ok(allowedMiB < keptMiB / 2, `${Math.round(keptMiB)} MiB would be far more`);
  const server = await startServer(t);
  const { client } = server;
  const memoryMiB = async (): Promise<number> => {
    const { text } = await client.get('/metrics');
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1]) / 2 ** 20;
  };
  const crowd: StreamClient[] = [];
  t.teardown(() => crowd.forEach((stream) => stream.close()));
  const connect = async (number: number): Promise<void> => {
    const stream = await StreamClient.connect(server.url);
    crowd[number] = stream;
    const isDeaf = number % deafOneIn === 0;
    await stream.subscribe('c', isDeaf ? undefined : { source: `s${number % sources}` });
    if (isDeaf) stream.pause();
  };
  for (let number = 0; number < sockets; number += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, at) => connect(number + at)));
  }
  const before = await memoryMiB();
  let highest = before;
  for (let from = 0; from < events; from += batch) {
    const { status } = await client.post('/api/v1/events/batch?results=errors', {
      events: Array.from({ length: batch }, (_, n) => ({
        source: `s${(from + n) % sources}`,
        external_job_id: `crowd-${from + n}`,
        destination: 'http://127.0.0.1:9/never',
        delay: '1d',
      })),
    });
    t.equal(status, 200);
    highest = Math.max(highest, await memoryMiB());
  }
  const readers = crowd.filter((_, number) => number % deafOneIn !== 0);
  const own = events / sources;
  await until('everybody who reads has heard everything', () => readers.every((stream) => heardBy(stream) >= own), 60_000);
  highest = Math.max(highest, await memoryMiB());
  t.ok(
    readers.every((stream) => heardBy(stream) === own),
    'and nothing twice',
  );
  t.comment(`${Math.round(highest - before)} MiB more than before, ${Math.round(highest)} MiB at most`);
  t.ok(highest - before < allowedMiB, `${Math.round(highest - before)} MiB more than before`);

  // Their own sockets hold some MiB each; a few are enough to see that what was not kept is told.
  const deaf = crowd.filter((_, number) => number % deafOneIn === 0).slice(0, 5);
  for (const stream of deaf) stream.resume();
  await until('those who read on hear all of it', () => deaf.every((stream) => heardBy(stream) >= events), 60_000);
  for (const stream of deaf) {
    t.equal(new Set(stream.items('c').map(({ event_id }) => event_id)).size, events);
    t.equal(stream.items('c').length, events);
    t.ok(stream.frames.some(({ op }) => op === 'lagging'));
  }
});

function heardBy({ frames }: StreamClient): number {
  return frames.reduce((sum, { op, items }) => (op === 'changes' ? sum + items!.length : sum), 0);
}
