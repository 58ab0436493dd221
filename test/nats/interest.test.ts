import t from 'tap';
import { Interest } from '../../engine/nats/interest.js';
import { until } from '../support/deadline.js';
import { connectNats, needsNats, startNats } from '../support/nats-server.js';

const announcement = (subject: string) => ({ subject, payload: subject });

t.test('those who ask at the same time are told each for itself whether anybody listens', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const heard: string[] = [];
  const listener = await connectNats(t, nats.url);
  listener.subscribe('heard.*', { callback: (_, { subject }) => void heard.push(subject) });
  await listener.flush();
  const interest = new Interest();
  const ask = (...subjects: string[]) => interest.ask(connection, subjects.map(announcement));
  const answers = Promise.all([ask('heard.1'), ask('unheard.1', 'unheard.2'), ask('unheard.3', 'heard.2'), ask('unheard.4')]);
  t.same(await answers, [true, false, true, false]);
  await until('both were published', () => heard.length === 2);
  t.same(heard, ['heard.1', 'heard.2']);
  t.equal(await ask('unheard.5'), false, 'also alone');
});

t.test('whoever asks as the connection is lost hears of that', needsNats, async (t) => {
  const nats = await startNats(t);
  const connection = await connectNats(t, nats.url);
  const interest = new Interest();
  const both = [interest.ask(connection, [announcement('one')]), interest.ask(connection, [announcement('other')])];
  await connection.close();
  for (const asked of both) await t.rejects(asked);
});
