import t from 'tap';
import { openDataDir } from '../../engine/log/data-dir.js';
import { inspectEvent } from '../../engine/upkeep/inspect.js';
import { idOf, stoppedLog } from './stopped-log.js';
import { damageIn } from '../log/stored-records.js';

const say = (): void => undefined;

t.test('an event is shown with each of its records and where they are', async (t) => {
  const { dataDir, events } = await stoppedLog(t);
  const inspection = inspectEvent({ dataDir, id: idOf(events.pending), say })!;
  t.equal(inspection.partition, 3);
  t.match(inspection.records, [
    { seq: 3, kind: 'accepted', previous: 0, segment: 'partitions/0003/0000000000000001.log' },
    { seq: 7, kind: 'dispatched', previous: 3, segment: 'partitions/0003/0000000000000007.log' },
  ]);
  t.match(inspection.event, { view: { status: 'DISPATCHED', attempts: 1 }, history: [{ version: 1 }, { version: 2 }] });
  t.same(inspection.lost, []);
});

t.test('of an event with a damaged record the others are shown', async (t) => {
  const log = await stoppedLog(t);
  damageIn(log, 3);
  const inspection = inspectEvent({ dataDir: log.dataDir, id: idOf(log.events.pending), say })!;
  t.match(inspection, { event: null, detail: /3/, records: [{ seq: 7 }], lost: [{ seq: 3 }] });
});

t.test('what the log does not hold, and what cannot be an id, is not there', async (t) => {
  const { dataDir, events } = await stoppedLog(t);
  t.equal(inspectEvent({ dataDir, id: idOf(events.pending).replace(/.{4}$/, '0000'), say }), null);
  t.equal(inspectEvent({ dataDir, id: 'order-12345', say }), null);
});

t.test('a directory in use is not read, and the message says how to ask', async (t) => {
  const { dataDir, events } = await stoppedLog(t);
  const owner = openDataDir({ dataDir, partitions: 4, cluster: null });
  t.teardown(() => owner.close());
  t.throws(() => inspectEvent({ dataDir, id: idOf(events.pending), say }), /ask it \(GET \/api\/v1\/events\//);
});
