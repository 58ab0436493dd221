import t from 'tap';
import { EngineError, type ErrorCode, errorKinds, InvariantError, invariant, StartError } from '../../engine/kernel/errors.js';

t.test('an error of the contract knows whether repeating helps and what to do', async (t) => {
  for (const code of Object.keys(errorKinds) as ErrorCode[]) {
    const error = new EngineError(code, 'detail');
    t.equal(error.retryable, errorKinds[code].retryable, code);
    t.ok(error.hint.length > 10, code);
    t.equal(error.message, 'detail');
    t.same(error.members, {});
    t.same(error.errors, []);
  }
});

t.test('exactly what may pass by itself is retryable', async (t) => {
  const retryable = Object.entries(errorKinds).filter(([, kind]) => kind.retryable);
  t.same(
    retryable.map(([code]) => code).sort(),
    ['disk-full', 'in-flight', 'not-finished', 'not-owner', 'overloaded', 'partition-unavailable', 'stopping'],
    'outcome-unknown is not among them: repeating it blindly could make two events',
  );
});

t.test('members and field errors travel with it', async (t) => {
  const error = new EngineError('external-job-id-conflict', 'taken', {
    members: { event_id: 'x' },
    errors: [{ pointer: '/external_job_id', detail: 'taken' }],
  });
  t.same(error.members, { event_id: 'x' });
  t.same(error.errors, [{ pointer: '/external_job_id', detail: 'taken' }]);
});

t.test('an invariant that holds builds no message, one that breaks throws with it', async (t) => {
  invariant(true, () => {
    throw new Error('built although it holds');
  });
  t.throws(() => invariant(false, () => 'expected 1, found 2'), new InvariantError('expected 1, found 2'));
});

t.test('the families are told apart by name and class', async (t) => {
  for (const [error, name] of [
    [new EngineError('internal', ''), 'EngineError'],
    [new InvariantError(''), 'InvariantError'],
    [new StartError(''), 'StartError'],
  ] as const) {
    t.equal(error.name, name);
    t.ok(error instanceof Error);
  }
});
