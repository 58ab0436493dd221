/**
 * What compiled tests import as `tap` (`bundle-tap.mjs`): tap, and who hears of what is thrown that nobody catches.
 *
 * tap tells by async hooks in which test that was, and these see every promise of a process begin and end: an eighth of what the simulator takes. Here the
 * tests of a file run one after the other, so it was in the innermost one that runs.
 */
// biome-ignore lint/correctness/noUndeclaredDependencies: it comes with tap.
import { addIgnoredPackage } from '@tapjs/stack';
import t from 'tap';

export { t };

// Its places in stacks tell nothing of a test.
addIgnoredPackage('tap');

let running = t;
follow(t);

function follow(test) {
  test.on('subtestStart', (inner) => {
    running = inner;
    follow(inner);
  });
  // The next one may have begun.
  test.on('subtestEnd', (inner) => {
    if (running === inner) running = test;
  });
}

process.on('uncaughtException', (thrown, origin) => {
  const error = thrown !== null && typeof thrown === 'object' ? thrown : { error: thrown };
  error.tapCaught = origin;
  running.threw(error);
});
