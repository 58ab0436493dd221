import t from 'tap';
import { formatInstant, parseInstant, RepeatedInstant } from '../../../../gateway/input/fields/instant.js';

t.test('an instant is the same whatever the offset', async (t) => {
  const noon = Date.UTC(2026, 10, 20, 12);
  for (const text of [
    '2026-11-20T12:00:00Z',
    '2026-11-20t12:00:00z',
    '2026-11-20T14:00:00+02:00',
    '2026-11-20T06:30:00.000-05:30',
    '2026-11-21T11:59:00+23:59',
    '2026-11-20T12:00:00-00:00',
  ]) {
    t.equal(parseInstant(text), noon, text);
  }
});

t.test('what is finer than a millisecond is rounded up, by its digits', async (t) => {
  const second = Date.UTC(2026, 10, 20, 12);
  t.equal(parseInstant('2026-11-20T12:00:00.1Z'), second + 100);
  t.equal(parseInstant('2026-11-20T12:00:00.001Z'), second + 1);
  t.equal(parseInstant('2026-11-20T12:00:00.0010000Z'), second + 1);
  t.equal(parseInstant('2026-11-20T12:00:00.0001Z'), second + 1);
  t.equal(parseInstant('2026-11-20T12:00:00.001000000000000001Z'), second + 2);
  t.equal(parseInstant('2026-11-20T12:00:00.9999Z'), second + 1_000);
  t.equal(parseInstant(`2026-11-20T12:00:00.001${'0'.repeat(100)}Z`), second + 1);
});

t.test('what lies behind year 9999 is its last millisecond, which can be written', async (t) => {
  for (const text of [
    '9999-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59.9999999Z',
    '9999-12-31T23:59:59-23:59',
    '9999-12-31T23:59:59.9999-00:01',
  ]) {
    const ms = parseInstant(text);
    t.equal(typeof ms === 'number' && formatInstant(ms), '9999-12-31T23:59:59.999Z', text);
  }
  t.equal(parseInstant('9999-12-31T23:59:59.9981Z'), Date.UTC(9999, 11, 31, 23, 59, 59, 999));
});

t.test('dates that do not exist, leap seconds and texts without an offset are refused', async (t) => {
  for (const text of [
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T23:60:00Z',
    '2026-06-30T23:59:60Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+01:60',
    '2026-01-01T00:00:00',
    '2026-01-01',
    '2026-01-01 00:00:00Z',
    '2026-1-1T00:00:00Z',
    '20260101T000000Z',
    '2026-01-01T00:00Z',
    '2026-01-01T00:00:00.Z',
    '2026-01-01T00:00:00+0100',
    '+002026-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+01:00',
    '0001-01-01T00:00:00Z',
    ' 2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00Z ',
    '２026-01-01T00:00:00Z',
    '',
    'now',
    '1795000000000',
  ]) {
    t.type(parseInstant(text), 'string', text);
  }
  t.equal(parseInstant('2024-02-29T00:00:00Z'), Date.UTC(2024, 1, 29));
  t.equal(parseInstant('2000-02-29T00:00:00Z'), Date.UTC(2000, 1, 29));
});

t.test('every millisecond that is written is read back as itself', async (t) => {
  const instants = Array.from({ length: 2_000 }, (_, index) => (index * 104_729_003_517) % 253_402_300_799_999);
  t.same(
    instants.filter((ms) => parseInstant(formatInstant(ms)) !== ms),
    [],
  );
  t.same(
    instants.filter((ms) => formatInstant(ms) !== new Date(ms).toISOString()),
    [],
  );
  t.equal(formatInstant(Date.UTC(2026, 10, 20, 10) + 0.9), '2026-11-20T10:00:00.000Z');
});

t.test('instants that are the same or not are written alike', async (t) => {
  const repeated = new RepeatedInstant();
  const out = Buffer.alloc(30, '-');
  for (const ms of [0, 0, 1_795_000_000_000, 1_795_000_000_000.7, 1_795_000_000_000, 253_402_300_799_999, 1]) {
    t.equal(repeated.put(ms, out, 3), 27);
    t.equal(out.toString(), `---${formatInstant(ms)}---`);
  }
});
