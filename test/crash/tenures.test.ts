import t from 'tap';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { formatEventId, mintEventId } from '../../engine/kernel/event-id.js';
import { sessionTtlMs } from '../../engine/kernel/limits.js';
import type { WrittenMarker } from '../cluster/marker-audit.js';
import { Tenures, type Trouble } from './tenures.js';

const partitions = 4;
const partition = 1 as PartitionId;
const id = formatEventId(mintEventId(partition as never, 0 as never));
const otherId = formatEventId(mintEventId(2 as never, 0 as never));

const marker = (epoch: number, node: string, writtenAtMs: number, released = false): WrittenMarker => ({
  epoch,
  node,
  session: node,
  released,
  writtenAtMs,
});
const tenures = (markers: readonly WrittenMarker[], troubles: readonly Trouble[] = []) =>
  new Tenures(new Map([[partition, markers]]), troubles, partitions);

const killed: Trouble = { target: 'a', isNats: false, fromMs: 10_000, toMs: 12_000 };
const takenOver = [marker(1, 'a', 0), marker(2, 'b', 18_000)];

t.test('an owner that was replaced without a release explains what came before and behind it', async (t) => {
  const upheavals = tenures(takenOver, [killed]);
  t.same(upheavals.between(id, { fromMs: 9_000, toMs: 18_500 }), { beganAtMs: 10_000 });
  t.equal(upheavals.between(id, { fromMs: 9_000, toMs: 17_000 }), null, 'before it nothing');
  t.equal(upheavals.between(id, { fromMs: 18_100, toMs: 19_000 }), null, 'behind it nothing');
  t.equal(upheavals.between(otherId, { fromMs: 9_000, toMs: 18_500 }), null, 'nor anything of other partitions');
});

t.test('an owner that has released its partition explains nothing', async (t) => {
  const upheavals = tenures([marker(1, 'a', 0), marker(1, 'a', 17_000, true), marker(2, 'b', 17_100)], [killed]);
  t.equal(upheavals.between(id, { fromMs: 9_000, toMs: 18_500 }), null);
  t.same(
    upheavals.takeovers.map(({ epoch, isInOrder }) => ({ epoch, isInOrder })),
    [{ epoch: 2, isInOrder: true }],
  );
});

t.test('a takeover is explained by what was done to the owner or to NATS, and by nothing else', async (t) => {
  const began = (troubles: readonly Trouble[]) => tenures(takenOver, troubles).takeovers[0]!.troubleFromMs;
  t.equal(began([killed]), 10_000);
  t.equal(began([{ ...killed, target: 'n1', isNats: true }]), 10_000);
  t.equal(began([{ ...killed, target: 'c' }]), null, 'somebody else');
  t.equal(began([{ ...killed, fromMs: 19_000, toMs: 20_000 }]), null, 'later');
  t.equal(began([{ ...killed, fromMs: 18_000 - 4 * sessionTtlMs, toMs: 18_000 - 3 * sessionTtlMs }]), null, 'long ago');
});

t.test('an owner that had just been harmed when NATS was has not served since', async (t) => {
  const began = (...troubles: Trouble[]) =>
    tenures([marker(1, 'a', 0), marker(2, 'b', 50_000)], [killed, ...troubles]).takeovers[0]!.troubleFromMs;
  t.equal(began(), null);
  const frozen = { target: 'n1', isNats: true, fromMs: 25_000, toMs: 40_000 };
  t.equal(began(frozen), 10_000, 'its session had not run out when NATS stood still');
  t.equal(began({ ...frozen, fromMs: 12_001 + 2 * sessionTtlMs }), 12_001 + 2 * sessionTtlMs, 'it had long run out');
  t.equal(
    began(frozen, { ...frozen, fromMs: 5_000, toMs: 6_000 }),
    10_000,
    'what NATS had been through before is another matter',
  );
});
