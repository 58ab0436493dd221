/** The crew of a node in a cluster, with a real courier thread that dies: what the fresh one knows, and what it must be told again. */
import t from 'tap';
import { CourierCrew } from '../../engine/courier-crew.js';
import { decodeReplies, encodeRequests } from '../../engine/dispatch/courier-mail.js';
import type { CourierRequest } from '../../engine/dispatch/protocol.js';
import type { PartitionId, Sequence } from '../../engine/kernel/brand.js';
import { LongTasks } from '../../engine/kernel/thread-pool.js';
import { pause, until } from '../support/deadline.js';
import { watchWorkers } from './engine-fixture.js';

const origin = 'https://one.test';
const thread = 1;

t.test('a fresh courier knows its share, and starts nothing before it is told what is set', async (t) => {
  const workers = watchWorkers(t);
  const tasks = new LongTasks(() => undefined);
  let replaced = 0;
  const crew = new CourierCrew({
    threads: 1,
    tasks,
    options: {
      originConcurrency: 9,
      attemptsInFlightMax: 100,
      breaker: true,
      originsMax: 100,
      partitions: 1,
      recoveryRate: 100,
      egress: 'network',
      egressAllow: '',
      webhookSecrets: [`whsec_${Buffer.alloc(24, 1).toString('base64')}`],
      version: '0',
    },
    nats: null,
    handlers: {},
    lease: null,
    notice: () => undefined,
    replaced: () => replaced++,
    broken: (_, error) => t.fail(String(error)),
  });
  t.teardown(async () => {
    await crew.close();
    await tasks.close();
  });
  /** A host that wants twenty slots; how many it has been granted. */
  const host = () => {
    const port = crew.connect(thread, 0);
    let granted = 0;
    port.on('message', (bytes: Uint8Array) => {
      for (const reply of decodeReplies(bytes)) if (reply.op === 'grant') granted += reply.count;
    });
    const wants: CourierRequest[] = [{ op: 'want', origin, lane: 'regular', count: 20 }];
    const bytes = encodeRequests(wants);
    port.postMessage(bytes, [bytes.buffer]);
    return () => granted;
  };
  const tell = () => crew.settingsTold({ partition: 0 as PartitionId, position: 1 as Sequence, rows: [] });
  crew.shareAmong(3);
  tell();
  const first = host();
  await until('it has its share', () => first() === 3);
  await [...workers][0]!.terminate();
  await until('it was replaced', () => replaced === 1);
  const second = host();
  await crew.ask(thread, { about: 'one', origin, row: null, closeBreaker: false });
  t.equal(second(), 0, 'nobody has told it');
  tell();
  await until('it has its share again', () => second() === 3);
  crew.forgetSettings();
  t.equal(await crew.ask(thread, { about: 'one', origin, row: null, closeBreaker: false }), null);
  await pause(10);
  t.equal(second(), 3);
});
