import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { Signer } from '../../engine/dispatch/signer.js';

const secretOf = (fill: number, bytes = 24) => `whsec_${Buffer.alloc(bytes, fill).toString('base64')}`;

t.test('a receiver with any of the secrets verifies the signature with the library of Standard Webhooks', (t) => {
  const secrets = [secretOf(1), secretOf(2, 32), secretOf(3, 64)];
  const signer = new Signer(secrets);
  const id = '01988f6e-1a2b-7f03-9c1d-0123456789ab';
  const timestamp = Math.floor(Date.now() / 1_000);
  for (const text of ['{"n":1}', '{"city":"Zürich","clock":"⏱","big":12345678901234567890 }', '']) {
    const signature = signer.sign({ id, timestamp, body: Buffer.from(text) });
    t.equal(signature.split(' ').length, 3);
    const headers = { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': signature };
    for (const secret of secrets) new Webhook(secret).verify(text, headers, { jsonParse: false });
    t.throws(() => new Webhook(secretOf(4)).verify(text, headers), 'another secret');
    t.throws(() => new Webhook(secrets[0]!).verify(`${text} `, headers), 'another body');
  }
  t.end();
});

t.test('the signature is over the bytes as they are, also a slice of a larger buffer', (t) => {
  const signer = new Signer([secretOf(1)]);
  const whole = Buffer.from('xx{"n":1}yy');
  const message = { id: 'a', timestamp: 1 };
  t.equal(signer.sign({ ...message, body: whole.subarray(2, 9) }), signer.sign({ ...message, body: Buffer.from('{"n":1}') }));
  t.end();
});

t.test('a secret that a receiver could not use stops the start, and is not repeated in the message', (t) => {
  for (const bad of [
    '',
    'whsec_',
    'secret',
    'whsec_%%%',
    `whsec_${Buffer.alloc(9, 0xff).toString('base64url').replace('/', '_')}`,
  ]) {
    t.throws(
      () => new Signer([secretOf(1), bad]),
      { name: 'StartError', message: /^webhook secret 2 in ESCAPEMENT_WEBHOOK_SECRET/ },
      bad,
    );
  }
  try {
    new Signer(['whsec_hunter2!']);
  } catch (error) {
    t.notMatch((error as Error).message, 'hunter2');
  }
  t.throws(() => new Signer([]), { name: 'StartError' });
  t.end();
});
