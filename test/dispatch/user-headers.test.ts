import t from 'tap';
import { headerFault } from '../../engine/dispatch/user-headers.js';

t.test('a header that could end a line, or that is ours, is refused (F31)', (t) => {
  const good: [string, string][] = [
    ['x-team', 'a'],
    ['authorization', 'Bearer abc.def=='],
    ['x-empty', ''],
    ['x-latin', 'Zürich'],
    ['x-tab', 'a\tb'],
    ["x!#$%&'*+.^_`|~1", 'v'],
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ];
  for (const [name, value] of good) t.equal(headerFault({ name, value }), null, name);
  const badValues = ['a\r\nx: b', 'a\nb', 'a\rb', 'a\0b', '\u007f', 'a\u0001', '⏱', ' a', 'a ', '\ta', 'a\u2028b'];
  for (const value of badValues)
    t.equal(headerFault({ name: 'x-a', value }), 'has a value that HTTP cannot carry', encodeURIComponent(value));
  for (const name of ['', 'a b', 'a:', 'a\r\nb', 'ä', 'a\0'])
    t.equal(headerFault({ name, value: 'v' }), 'is not a valid header name', encodeURIComponent(name));
  const ours = [
    'Host',
    'content-length',
    'Transfer-Encoding',
    'connection',
    'webhook-id',
    'WEBHOOK-SIGNATURE',
    'escapement-x',
    'idempotency-key',
    'te',
    'upgrade',
  ];
  for (const name of ours) t.equal(headerFault({ name, value: 'v' }), 'is reserved', name);
  t.end();
});
