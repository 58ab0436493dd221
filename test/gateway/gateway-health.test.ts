import t from 'tap';
import type { Health } from '../../engine/index.js';
import { GatewayHealth } from '../../gateway/gateway-health.js';

function setup({ status = 'ready', keys = true }: { status?: Health['status']; keys?: boolean } = {}) {
  const state = { isShort: false, fault: null as string | null };
  const partition = { name: 'partition 0', status: 'ready', detail: null };
  const engine = { health: (): Health => ({ status, components: [partition], recovery: { overdue: 0, done_at: null } }) };
  const health = new GatewayHealth({
    engine,
    memory: {
      get isShort() {
        return state.isShort;
      },
    },
    keys: keys
      ? {
          get fault() {
            return state.fault;
          },
        }
      : null,
  });
  return { state, health };
}

t.test('short memory and a broken file of keys are told, and gone when they are over', async (t) => {
  const { state, health } = setup();
  const names = health.now().components.map(({ name }) => name);
  t.same(names, ['partition 0', 'memory', 'api keys']);
  t.equal(health.now().status, 'ready');
  state.isShort = true;
  t.match(health.now(), { status: 'degraded', components: [{}, { status: 'degraded', detail: /new events are refused/ }, {}] });
  state.isShort = false;
  state.fault = 'unusable';
  t.match(health.now(), {
    status: 'degraded',
    components: [{}, { status: 'ready' }, { status: 'degraded', detail: 'unusable' }],
  });
  state.fault = null;
  t.equal(health.now().status, 'ready');
});

t.test('where no keys are asked for there is nothing to tell of them', async (t) => {
  const { health } = setup({ keys: false });
  t.same(
    health.now().components.map(({ name }) => name),
    ['partition 0', 'memory'],
  );
});

t.test('what the engine is in counts for more than what the gateway lacks', async (t) => {
  const { state, health } = setup({ status: 'recovering' });
  state.isShort = true;
  t.equal(health.now().status, 'recovering');
});
