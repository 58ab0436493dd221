import t from 'tap';
import { createLogger } from '../../engine/observe/logger.js';
import { withoutSecrets } from '../../engine/observe/redaction.js';
import { mintApiKey } from '../../gateway/access/api-key.js';

const { token } = mintApiKey({ name: 'a', scopes: ['read'], rateLimit: null, createdAt: '' });
const signing = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

t.test('no secret gets into a log line, by whatever way, in either form', async (t) => {
  for (const format of ['json', 'pretty'] as const) {
    const lines: string[] = [];
    const logger = createLogger({ level: 'trace', format, sink: { write: (line) => lines.push(line) } });
    logger.info({ authorization: 'anything at all', token: 'hunter2hunter2' }, 'by name');
    logger.info({ request: { headers: { 'x-api-key': 'hunter2hunter2' }, cookie: 'hunter2hunter2' } }, 'one level below');
    logger.info({ config: { webhookSecrets: [signing] }, payload: { card: 'hunter2hunter2' } }, 'settings and payloads');
    logger.error({ err: new Error(`no key ${token}`) }, `a message with ${token}`);
    logger.warn({ url: `/api/v1/stream?x=1&token=${token}`, other: `"Bearer ${token}"` }, 'in a URL and in a header');
    logger.warn({ where: 'https://user:hunter2hunter2@example.org/x' }, `signed with ${signing}`);
    const text = lines.join('');
    for (const secret of [token, token.slice(21), signing, 'hunter2hunter2', 'anything at all']) t.notMatch(text, secret, format);
    t.match(text, token.slice(0, 20), 'which key it was can still be read');
    t.match(text, 'example.org/x');
    if (format === 'json') for (const line of lines) t.doesNotThrow(() => JSON.parse(line) as unknown, line);
  }
});

t.test('what is no secret stays', async (t) => {
  for (const line of ['https://example.org/a@b', 'esc_1', 'a bearer of news', 'token of thanks', 'https://e.org/?q=a@b'])
    t.equal(withoutSecrets(line), line);
});
