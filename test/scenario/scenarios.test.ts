/** Every story of this folder goes as it says: `scenario-script.ts` has the words. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { runScript } from './scenario-runner.js';
import { parseScript, type Script } from './scenario-script.js';

/** Scripts are not compiled: they stay where the sources are. */
const folder = new URL('../../../test/scenario/', import.meta.url);

const scenarios = readdirSync(folder)
  .filter((file) => file.endsWith('.scenario'))
  .sort();

function read(file: string): Script {
  return parseScript({ file: `test/scenario/${file}`, text: readFileSync(new URL(file, folder), 'utf8') });
}

t.ok(scenarios.length >= 20, `${scenarios.length} scenarios are found`);

for (const file of scenarios) {
  const script = read(file);
  t.test(script.title, async (t) => {
    await runScript(script);
    t.pass(file);
  });
}

const wrong = [
  ['an event that is delivered is not dead', 'schedule a\nadvance 1s\nexpect a DEAD', ':4: expected a DEAD, found a DELIVERED'],
  [
    'an event that has not come is not there',
    'schedule a at +5s\nexpect order a',
    ':3: expected starts in the order a, found nothing',
  ],
  [
    'a start at another time is noticed',
    'schedule a at +5s\nadvance 6s\nexpect a started at +4s',
    ':4: expected a started at +4000ms',
  ],
  ['another answer is noticed', 'schedule a\nexpect answer none', ':3: expected answer none, found answer accepted'],
  ['an unknown name is noticed', 'cancel b', ':2: expected the name of an event, found b'],
] as const;

t.test('a story that goes another way fails, and says where', async (t) => {
  for (const [title, story, message] of wrong) {
    const script = parseScript({ file: 'wrong.scenario', text: `# ${title}\n${story}\n` });
    await t.rejects(runScript(script), { message: new RegExp(`^wrong.scenario${message}`.replaceAll('+', '\\+')) }, title);
  }
});

t.test('a word that no script may say is refused, and where it stands', async (t) => {
  const texts = { 'schedule a soon': 'soon', 'advance 5': '5', 'expect a HAPPY': 'HAPPY', 'dance 5s': 'dance' };
  for (const [line, word] of Object.entries(texts)) {
    const message = new RegExp(`^wrong.scenario:2: expected .*, found ${word}$`);
    t.throws(() => parseScript({ file: 'wrong.scenario', text: `# wrong\n${line}\n` }), { message }, line);
  }
});
