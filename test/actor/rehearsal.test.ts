import t from 'tap';
import { rehearse } from '../../engine/actor/rehearsal.js';

t.test('every made-up event of a rehearsal is delivered: it goes all the way that a real one goes', async (t) => {
  t.equal(rehearse(), 20);
});
