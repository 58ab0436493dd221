import t from 'tap';
import { defaultSettings, placeOfOrigin } from '../../engine/event/origin-settings.js';
import { isAboutEvent } from '../../engine/event/record.js';
import { decodeSettings, encodeSettings } from '../../engine/event/settings-codec.js';
import type { PartitionId, Sequence, WallMs } from '../../engine/kernel/brand.js';
import { originSettingsMax } from '../../engine/kernel/limits.js';
import { decideSettings, type SettingsRequest } from '../../engine/partition/decide-settings.js';
import { PartitionState } from '../../engine/partition/state.js';

const origin = 'https://one.test';
const now = 1_795_000_000_000.7 as WallMs;

/** A partition that carries out what it decides. */
function setup() {
  const state = new PartitionState(0 as PartitionId);
  const decide = (request: SettingsRequest) => {
    const decision = decideSettings(state, request, now);
    if (decision.record !== null) state.apply(decision.record);
    return decision;
  };
  return { state, decide };
}

t.test('a change is merged into what is set, and its record alone says all of it', async (t) => {
  const { state, decide } = setup();
  decide({ op: 'configure', origin, change: { paused: true, secret: 'whsec_AAAA' } });
  const { record, row } = decide({ op: 'configure', origin, change: { ratePerSecond: 2.5 } });
  t.same(row.settings, { paused: true, concurrency: null, ratePerSecond: 2.5, secret: 'whsec_AAAA' });
  t.same(decodeSettings(record!.body), { origin, version: 2, settings: row.settings });
  t.equal(record!.at, Math.floor(now));
  t.notOk(isAboutEvent(record!));
  const replayed = new PartitionState(0 as PartitionId);
  replayed.apply({ ...record!, seq: 1 as Sequence });
  t.same(replayed.settings.of(origin), { ...state.settings.of(origin), seq: 1 });
});

t.test('asking for what is so already writes nothing', async (t) => {
  const { decide } = setup();
  t.equal(decide({ op: 'configure', origin, change: { paused: false } }).record, null);
  decide({ op: 'configure', origin, change: { concurrency: 3 } });
  const again = decide({ op: 'configure', origin, change: { concurrency: 3 } });
  t.equal(again.record, null);
  t.equal(again.row.version, 1);
});

t.test('an origin that is set back to the defaults is forgotten', async (t) => {
  const { state, decide } = setup();
  decide({ op: 'configure', origin, change: { paused: true } });
  t.equal(state.settings.size, 1);
  t.equal(decide({ op: 'configure', origin, change: { paused: false } }).row.version, 2);
  t.equal(state.settings.size, 0);
  t.same(state.settings.of(origin).settings, defaultSettings);
});

t.test('a copy keeps the version of its home, and an older one changes nothing', async (t) => {
  const { state, decide } = setup();
  const settings = { ...defaultSettings, paused: true };
  decide({ op: 'keep-copy', origin, version: 70 as Sequence, settings });
  t.match(state.settings.of(origin), { version: 70, settings, seq: 1 });
  t.equal(decide({ op: 'keep-copy', origin, version: 60 as Sequence, settings: defaultSettings }).record, null);
  t.equal(decide({ op: 'keep-copy', origin, version: 70 as Sequence, settings }).record, null);
  t.ok(state.settings.of(origin).settings.paused);
});

t.test('a partition takes settings of so many origins, and changes to those go on', async (t) => {
  const { decide } = setup();
  for (let n = 0; n < originSettingsMax; n++) decide({ op: 'configure', origin: `http://${n}.test`, change: { paused: true } });
  const refused = decide({ op: 'configure', origin, change: { paused: true } });
  t.equal(refused.record, null);
  t.match(refused.refused, /as many as may be/);
  t.equal(decide({ op: 'configure', origin: 'http://0.test', change: { concurrency: 1 } }).refused, null);
});

t.test('a format of another version is not guessed at', async (t) => {
  const bytes = encodeSettings({ origin, version: 1 as Sequence, settings: defaultSettings });
  bytes[1] = 2;
  t.throws(() => decodeSettings(bytes), { name: 'InvariantError', message: /expected format 1, found 2/ });
});

t.test('an origin has its home and its second partition by its name alone', async (t) => {
  t.same(placeOfOrigin(origin, 1), { home: 0, second: null });
  const homes = new Map<number, number>();
  for (let n = 0; n < 4_000; n++) {
    const { home, second } = placeOfOrigin(`https://customer-${n}.test`, 4);
    homes.set(home, (homes.get(home) ?? 0) + 1);
    if (second !== (home + 1) % 4) t.fail(`${home} is followed by ${second}`);
  }
  for (const count of homes.values()) t.ok(count > 800 && count < 1_200, `${count} of 4,000`);
});
