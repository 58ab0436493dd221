import t from 'tap';
import { EgressRefused } from '../../engine/dispatch/connector.js';
import { failureOf } from '../../engine/dispatch/failure.js';

const withCode = (code: string, message = 'a long text for developers') => Object.assign(new Error(message), { code });

t.test('errors are short sentences for people', (t) => {
  const expected: readonly (readonly [error: Error, text: string, unhealthy: boolean])[] = [
    [withCode('ECONNREFUSED'), 'connection refused', true],
    [new AggregateError([withCode('ECONNREFUSED'), withCode('ENETUNREACH')]), 'connection refused', true],
    [withCode('UND_ERR_CONNECT_TIMEOUT'), 'no connection within 10000 ms', true],
    [withCode('HPE_INVALID_CONSTANT'), 'answer is not valid HTTP', true],
    [withCode('ERR_ASSERTION', 'The expression evaluated to a falsy value'), 'answer is not valid HTTP', true],
    [withCode('UND_ERR_SOCKET', 'other side closed'), 'connection closed before the answer was complete', true],
    [withCode('UND_ERR_SOCKET', 'bad response'), 'answer is a 100 or 101, which was not asked for', true],
    [withCode('CERT_HAS_EXPIRED', 'certificate has expired'), 'TLS: certificate not accepted (certificate has expired)', true],
    [
      withCode('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
      'TLS: certificate not accepted (self-signed certificate)',
      true,
    ],
    [withCode('ERR_TLS_CERT_ALTNAME_INVALID', 'no such name'), 'TLS: no such name', true],
    [withCode('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version'), 'TLS: wrong version', true],
    [
      Object.assign(withCode('ERR_SSL_WRONG_VERSION_NUMBER', 'C0F6:error:0A00010B:SSL routines::x:record.c:350:'), {
        reason: 'x y',
      }),
      'TLS: x y',
      true,
    ],
    [new EgressRefused('10.0.0.1 is not a public address'), 'egress-refused: 10.0.0.1 is not a public address', false],
    [withCode('UND_ERR_INVALID_ARG', 'invalid x-a header'), 'request cannot be sent: invalid x-a header', false],
    [new Error('something\nelse'), 'something else', true],
    [new Error('x'.repeat(500)), `${'x'.repeat(199)}…`, true],
    [new TypeError(''), 'TypeError', true],
  ];
  for (const [error, text, unhealthy] of expected) t.same(failureOf(error), { error: text, unhealthy });
  t.end();
});
