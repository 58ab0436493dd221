import t from 'tap';
import { EngineError, errorKinds } from '../../../engine/index.js';
import { problemReply, problemText, refusalCodes, refusalOf } from '../../../gateway/http/problem.js';
import { refuse } from '../../../gateway/input/refusal.js';

const documented: Readonly<Record<number, readonly string[]>> = {
  400: ['malformed-json', 'malformed-request'],
  401: ['unauthenticated'],
  403: ['forbidden'],
  404: ['not-found'],
  405: ['method-not-allowed'],
  409: ['external-job-id-conflict', 'already-finished', 'not-finished', 'in-flight'],
  412: ['version-mismatch'],
  413: ['too-large'],
  415: ['unsupported-media-type'],
  421: ['misdirected'],
  422: ['invalid', 'destination-not-allowed', 'idempotency-key-reused'],
  429: ['rate-limited'],
  500: ['internal', 'outcome-unknown', 'record-damaged'],
  503: ['overloaded', 'partition-unavailable', 'stopping'],
  507: ['disk-full'],
};

t.test('every code has the documented status and a text behind its type', async (t) => {
  for (const [status, codes] of Object.entries(documented)) {
    for (const code of codes) {
      const reply = problemReply(refuse(code as (typeof refusalCodes)[number], 'why'), '/x');
      t.equal(reply.status, Number(status), code);
      const document = JSON.parse(reply.body as string) as { type: string };
      t.match(document, {
        type: `/problems/${code}`,
        title: /\w/,
        status: Number(status),
        detail: 'why',
        instance: '/x',
        code,
        retryable: Boolean,
      });
      t.match(problemText(code), new RegExp(`^${code} \\(HTTP ${status}\\)`));
    }
  }
  t.same([...refusalCodes].sort(), Object.values(documented).flat().sort());
  const toldOutside = Object.keys(errorKinds).filter((code) => code !== 'not-owner');
  t.ok(toldOutside.every((code) => (refusalCodes as readonly string[]).includes(code)));
  t.equal(problemText('constructor'), null);
});

t.test('what the engine says goes along: members, fields, whether to repeat', async (t) => {
  const error = new EngineError('in-flight', 'running', { members: { event_id: 'e' }, errors: [{ pointer: '/a', detail: 'b' }] });
  const document = JSON.parse(problemReply(refusalOf(error), '/x').body as string) as object;
  t.match(document, { code: 'in-flight', retryable: true, event_id: 'e', errors: [{ pointer: '/a', detail: 'b' }] });
  t.match(JSON.parse(problemReply(refuse('invalid', 'no cursor'), '/x').body as string), {
    errors: [{ pointer: '', detail: 'no cursor' }],
  });
  t.notOk('errors' in (JSON.parse(problemReply(refuse('internal', ''), '/x').body as string) as object));
});
