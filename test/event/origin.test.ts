import t from 'tap';
import { originOf } from '../../engine/event/origin.js';

t.test('the origin of a URL is its scheme, host and port, in one spelling', async (t) => {
  for (const [url, origin] of [
    ['https://example.org/hook?x=1#y', 'https://example.org'],
    ['HTTPS://EXAMPLE.org:443/', 'https://example.org'],
    ['http://example.org:80', 'http://example.org'],
    ['http://example.org:8080/a', 'http://example.org:8080'],
    ['http://[::1]:9/', 'http://[::1]:9'],
    ['http://bücher.example/', 'http://xn--bcher-kva.example'],
  ] as const) {
    t.equal(originOf('HTTP', url), origin, url);
  }
});

t.test('each handler is an origin of its own, NATS is one', async (t) => {
  t.equal(originOf('LOCAL', 'invoices'), 'local:invoices');
  t.not(originOf('LOCAL', 'a'), originOf('LOCAL', 'b'));
  t.equal(originOf('NATS', 'orders.created'), originOf('NATS', 'orders.paid'));
});

t.test('what passed validation and is no URL is a bug and throws', async (t) => {
  t.throws(() => originOf('HTTP', 'not a url'), TypeError);
});
