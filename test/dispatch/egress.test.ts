/** F32: which addresses may be reached, whatever way they are written. */
import t from 'tap';
import { createEgressPolicy, type EgressMode, parseEgressAllow } from '../../engine/dispatch/egress.js';

const policy = (mode: EgressMode, allow = '') => createEgressPolicy({ mode, allow: parseEgressAllow(allow) });

/** Address, and the modes that refuse it. */
const matrix: readonly (readonly [address: string, refusedBy: string])[] = [
  ['93.184.216.34', ''],
  ['2606:2800:220:1:248:1893:25c8:1946', ''],
  ['127.0.0.1', 'public'],
  ['127.255.255.254', 'public'],
  ['::1', 'public'],
  ['10.0.0.1', 'public'],
  ['172.16.0.1', 'public'],
  ['172.31.255.255', 'public'],
  ['172.32.0.1', ''],
  ['192.168.1.1', 'public'],
  ['fd12:3456::1', 'public'],
  ['fec0::1', 'public'],
  ['100.64.0.1', 'public'],
  ['198.18.0.1', 'public'],
  ['192.0.2.1', 'public'],
  ['2001:db8::1', 'public'],
  ['240.0.0.1', 'public'],
  ['169.254.1.1', 'network public'],
  ['169.254.169.254', 'network public'],
  ['fe80::1', 'network public'],
  ['100.100.100.200', 'network public'],
  ['fd00:ec2::254', 'network public'],
  ['168.63.129.16', 'network public'],
  ['0.0.0.0', 'network public'],
  ['0.1.2.3', 'network public'],
  ['::', 'network public'],
  ['224.0.0.1', 'network public'],
  ['239.255.255.255', 'network public'],
  ['ff02::1', 'network public'],
  ['255.255.255.255', 'network public'],
  // The same in disguise.
  ['::ffff:93.184.216.34', ''],
  ['::ffff:127.0.0.1', 'public'],
  ['::ffff:a9fe:a9fe', 'network public'],
  ['::ffff:0:169.254.169.254', 'network public'],
  ['64:ff9b::93.184.216.34', ''],
  ['64:ff9b::169.254.169.254', 'network public'],
  ['64:ff9b::10.0.0.1', 'public'],
  ['64:ff9b:1::169.254.169.254', 'network public'],
  ['64:ff9b:1::93.184.216.34', 'public'],
  ['2002:a9fe:a9fe::1', 'network public'],
  ['2002:5db8:d822::1', 'public'],
  ['2001:0:1:2:3:4:5601:5601', 'network public'],
  ['::169.254.169.254', 'network public'],
  ['::127.0.0.1', 'public'],
  ['2606:2800::5efe:169.254.169.254', 'network public'],
  ['2606:2800::200:5efe:169.254.169.254', 'network public'],
];

t.test('an address is judged by where packets to it arrive', (t) => {
  for (const [address, refusedBy] of matrix) {
    for (const mode of ['network', 'public', 'any'] as const) {
      const fault = policy(mode).checkAddress(address);
      t.equal(fault !== null, refusedBy.includes(mode), `${mode}: ${address} (${fault})`);
    }
  }
  t.end();
});

t.test('a refusal names the address and the reason', (t) => {
  t.equal(policy('network').checkAddress('169.254.1.1'), '169.254.1.1 is link-local');
  t.equal(policy('network').checkAddress('169.254.169.254'), '169.254.169.254 is a cloud metadata address');
  t.equal(policy('network').checkAddress('::ffff:169.254.169.254'), '::ffff:169.254.169.254 is a cloud metadata address');
  t.equal(policy('public').checkAddress('10.1.2.3'), '10.1.2.3 is not a public address');
  t.equal(policy('public').checkAddress('nonsense'), 'nonsense is not an address');
  t.end();
});

t.test('decimal, octal, hexadecimal and short forms in a URL are the address they mean', (t) => {
  for (const host of [
    '2852039166',
    '0251.0376.0251.0376',
    '0xa9fea9fe',
    '0xa9.254.43518',
    '169.254.169.254.',
    '[::ffff:a9fe:a9fe]',
  ]) {
    t.not(policy('network').checkLiteral(new URL(`http://${host}/`).hostname), null, host);
  }
  for (const host of ['127.1', '0x7f.1', '017700000001', '2130706433', '[::1]', '[::ffff:7f00:1]']) {
    t.not(policy('public').checkLiteral(new URL(`http://${host}/`).hostname), null, host);
    t.equal(policy('network').checkLiteral(new URL(`http://${host}/`).hostname), null, host);
  }
  t.end();
});

t.test('a name is not judged at intake: it is checked when it is connected to', (t) => {
  for (const name of ['localhost', 'metadata.google.internal', 'example.org']) t.equal(policy('public').checkLiteral(name), null);
  t.end();
});

t.test('allowed addresses and ranges are allowed in every mode, in any form', (t) => {
  const allowing = policy('public', '10.1.0.0/16, 169.254.169.254, fd00:ec2::/32,[::1], 192.168.7.7');
  for (const address of [
    '10.1.255.1',
    '::ffff:10.1.0.9',
    '169.254.169.254',
    'fd00:ec2::254',
    '::1',
    '192.168.7.7',
    '64:ff9b::10.1.2.3',
  ]) {
    t.equal(allowing.checkAddress(address), null, address);
  }
  for (const address of ['10.2.0.1', '169.254.169.253', '192.168.7.8', '127.0.0.1'])
    t.not(allowing.checkAddress(address), null, address);
  t.end();
});

t.test('an allowed host is allowed whatever it resolves to, and no other', (t) => {
  const allowing = policy('public', 'Hooks.Internal, db_1.example.');
  for (const name of ['hooks.internal', 'HOOKS.internal.', 'db_1.example']) t.equal(allowing.allowsHost(name), true, name);
  for (const name of ['xhooks.internal', 'a.hooks.internal', 'hooks.internal.evil.test', 'internal'])
    t.equal(allowing.allowsHost(name), false, name);
  t.end();
});

t.test('what is neither host, address nor range stops the start and is named', (t) => {
  for (const entry of [
    '10.0.0.0/33',
    '10.0/8',
    '10.1',
    'http://x',
    'a b',
    '*.example.org',
    'host:80',
    '::1/200',
    'x/8',
    '-',
    '2130706433',
  ]) {
    t.throws(
      () => parseEgressAllow(`good.example,${entry}`),
      { name: 'StartError', message: `ESCAPEMENT_EGRESS_ALLOW: ${entry} ` },
      entry,
    );
  }
  t.same(parseEgressAllow(' , ').hosts, []);
  t.end();
});
