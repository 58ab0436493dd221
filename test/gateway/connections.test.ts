import t from 'tap';
import { Connections } from '../../gateway/connections.js';
import { countPeers } from '../../gateway/peer-census.js';
import { peerKey } from '../../gateway/peer-key.js';

const address = (last: number): Uint8Array => new Uint8Array([10, 0, 0, last]);

function setup() {
  const answers: ((counts: Map<string, number>) => void)[] = [];
  let nowMs = 0;
  const connections = new Connections({
    limits: { total: 10, perAddress: 3, censusAgeMs: 1_000 },
    census: () => new Promise((resolve) => answers.push(resolve)),
    monoMs: () => nowMs,
  });
  return {
    connections,
    censuses: () => answers.length,
    /** The newest census answers. */
    async answer(counts: Readonly<Record<string, number>>) {
      answers.at(-1)!(new Map(Object.entries(counts)));
      await new Promise((resolve) => setImmediate(resolve));
    },
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
}

t.test('as long as all together are few nobody is counted', async (t) => {
  const { connections, censuses } = setup();
  for (let round = 0; round < 100; round++) {
    t.ok(connections.opened(address(1)));
    connections.closed();
  }
  t.equal(censuses(), 0);
  t.equal(connections.open, 0);
});

t.test('beyond that an address with too many is refused and others are not', async (t) => {
  const { connections, answer } = setup();
  for (let index = 0; index < 3; index++) connections.opened(address(1));
  t.ok(connections.opened(address(2)));
  await answer({ '0a000001': 3, '0a000002': 1 });
  t.notOk(connections.opened(address(1)), 'the fourth');
  connections.closed();
  t.ok(connections.opened(address(2)));
});

t.test('what opened after the last count is added to it', async (t) => {
  const { connections, answer } = setup();
  for (let index = 0; index < 3; index++) connections.opened(address(9));
  connections.opened(address(1));
  await answer({ '0a000009': 3 });
  t.ok(connections.opened(address(1)));
  t.ok(connections.opened(address(1)));
  t.notOk(connections.opened(address(1)));
});

t.test('a count is asked for once a second at most, and never twice at the same time', async (t) => {
  const { connections, answer, censuses, advance } = setup();
  for (let index = 0; index < 6; index++) connections.opened(address(1));
  t.equal(censuses(), 1);
  advance(5_000);
  connections.opened(address(2));
  t.equal(censuses(), 1, 'the first has not answered');
  await answer({});
  connections.opened(address(2));
  t.equal(censuses(), 2);
  await answer({ '0a000001': 1 });
  t.ok(connections.opened(address(1)), 'those that have closed meanwhile no longer count');
});

t.test('the total is a limit of its own', async (t) => {
  const { connections } = setup();
  for (let index = 0; index < 10; index++) t.ok(connections.opened(address(index)));
  t.notOk(connections.opened(address(77)));
});

t.test('an IPv6 address stands for its /64 and a mapped one for its IPv4 address', async (t) => {
  const ipv6 = (tail: string) => new Uint8Array(Buffer.from(`20010db8000000010${tail.padStart(15, '0')}`, 'hex'));
  t.equal(peerKey(ipv6('1')), peerKey(ipv6('ffff')));
  t.equal(peerKey(new Uint8Array(Buffer.from('00000000000000000000ffff0a000001', 'hex'))), peerKey(address(1)));
  t.not(peerKey(address(1)), peerKey(address(2)));
});

t.test('the tables of the kernel are read for established connections to our port', async (t) => {
  const tables = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1',
    '   1: 0100007F:1F90 0100000A:D2A4 01 00000000:00000000 00:00000000 00000000     0        0 2 1',
    '   2: 0100007F:1F90 0100000A:D2A5 01 00000000:00000000 00:00000000 00000000     0        0 3 1',
    '   3: 0100007F:1F90 0100000A:D2A6 06 00000000:00000000 00:00000000 00000000     0        0 4 1',
    '   4: 0100007F:1F91 0100000A:D2A7 01 00000000:00000000 00:00000000 00000000     0        0 5 1',
    '   5: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100000A:D2A8 01 00000000:00000000 00:00000000 0 0 0 6 1',
  ].join('\n');
  t.same([...countPeers(tables, 8_080)], [['0a000001', 3]]);
});
