/** Nobody hears that there is no such event, and nobody gets a name for another one, on the ground of an old look. */
import t from 'tap';
import type { TakenIn } from '../../../engine/cluster/peers/kept-events.js';
import { SureOwner } from '../../../engine/cluster/peers/sure-owner.js';
import type { PartitionId } from '../../../engine/kernel/brand.js';
import { EngineError } from '../../../engine/kernel/errors.js';
import { keptUnheardMs } from '../../../engine/kernel/limits.js';
import type { Asker, Unnumbered } from '../../../engine/router/host-link.js';
import { type NewEventsAsker, OpenSheaf } from '../../../engine/router/open-sheaf.js';

const partition = 1 as PartitionId;
const event = new Uint8Array(16);
const get: Unnumbered = { op: 'get', event, partition };
const put: Unnumbered = { op: 'put', event, partition, body: new Uint8Array(1) };
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A host that answers at once, and what comes of the looks. */
function setup() {
  const world = {
    unawareMs: 0,
    hasTakenIn: false,
    looks: [] as ((taken: TakenIn) => void)[],
    asked: [] as string[],
    isThere: false,
  };
  const owner = new SureOwner({
    partition,
    host: {
      askFor: (asker, request) => {
        world.asked.push(request.op);
        if (request.op === 'put' || world.isThere) asker.answered({ op: 'accepted', request: 1, count: 1 } as never);
        else asker.refused(new EngineError('not-found', 'there is none'));
      },
      forward: ({ sheaf, again }) => {
        world.asked.push(again ? 'sheaf again' : 'sheaf');
        sheaf.accepted(0, sheaf.count);
      },
    },
    open: {
      hasTakenInLately: () => world.hasTakenIn,
      unawareMs: () => world.unawareMs,
      becomeAware: () => new Promise((resolve) => world.looks.push(resolve)),
    },
  });
  const heard: string[] = [];
  const asker: Asker = { answered: () => heard.push('answered'), refused: ({ code }) => heard.push(code) };
  const told: NewEventsAsker = {
    accepted: () => heard.push('accepted'),
    replayed: () => heard.push('replayed'),
    refused: (_, error) => heard.push((error as EngineError).code),
    kept: () => heard.push('kept'),
    wantsViews: true,
    eventAt: () => event,
  };
  const sheafOf = () => {
    const sheaf = new OpenSheaf(partition);
    sheaf.add(told, 0, 10);
    return { events: new Uint8Array(1), again: false, sheaf };
  };
  return { world, owner, heard, asker, sheafOf };
}

t.test('that there is no such event is said behind a look', async (t) => {
  const { world, owner, heard, asker } = setup();
  owner.askFor(asker, get);
  t.same(heard, []);
  world.looks.shift()!('all');
  await settled();
  t.same([heard, world.asked], [['not-found'], ['get', 'get']]);
});

t.test('what was kept is found by it', async (t) => {
  const { world, owner, heard, asker } = setup();
  owner.askFor(asker, get);
  world.isThere = true;
  world.looks.shift()!('all');
  await settled();
  t.same(heard, ['answered']);
});

t.test('what is there is answered without a look', (t) => {
  const { world, owner, heard, asker } = setup();
  world.isThere = true;
  world.unawareMs = Number.POSITIVE_INFINITY;
  owner.askFor(asker, get);
  t.same([heard, world.looks.length], [['answered'], 0]);
  t.end();
});

t.test('new events may have been overtaken by themselves, as they were kept', async (t) => {
  const { world, owner, sheafOf } = setup();
  world.unawareMs = keptUnheardMs;
  owner.forward(sheafOf());
  world.hasTakenIn = true;
  world.looks.shift()!('all');
  await settled();
  t.same(world.asked, ['sheaf again'], 'an event that has no key is not accepted twice');
});

t.test('if it is not known what was kept, or that has no room, the owner is none for now', async (t) => {
  for (const taken of ['not now', 'no room'] as const) {
    const { world, owner, heard, asker } = setup();
    owner.askFor(asker, get);
    world.looks.shift()!(taken);
    await settled();
    t.same([heard, world.asked], [['not-owner'], ['get']], taken);
  }
});

t.test('new events and what is put wait for a look if the last one is too old', async (t) => {
  const { world, owner, heard, asker, sheafOf } = setup();
  world.unawareMs = keptUnheardMs - 1;
  owner.forward(sheafOf());
  owner.askFor(asker, put);
  t.same(
    [heard.splice(0), world.asked.splice(0)],
    [
      ['accepted', 'answered'],
      ['sheaf', 'put'],
    ],
  );
  world.unawareMs = keptUnheardMs;
  owner.forward(sheafOf());
  owner.askFor(asker, put);
  t.same([heard, world.asked], [[], []]);
  for (const look of world.looks.splice(0)) look('no room');
  await settled();
  t.same(
    [heard.splice(0), world.asked.splice(0)],
    [
      ['accepted', 'answered'],
      ['sheaf', 'put'],
    ],
    'whether there is room the host knows',
  );
  owner.forward(sheafOf());
  owner.askFor(asker, put);
  for (const look of world.looks.splice(0)) look('not now');
  await settled();
  t.same([heard, world.asked], [['not-owner', 'not-owner'], []], 'nothing was written');
});
