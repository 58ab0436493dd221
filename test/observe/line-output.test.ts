import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import t from 'tap';
import { LineOutput } from '../../engine/observe/line-output.js';

const lostLine = (lines: number): string => `lost ${lines}\n`;

/** A pipe whose reading end is open and not read; its writing end waits, as stdout does that others share. */
function stuckPipe(t: Tap): { readonly fd: number; read(): string } {
  const path = `${t.testdir({})}/pipe`;
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  t.teardown(() => {
    closeSync(reader);
    closeSync(fd);
  });
  const chunk = Buffer.alloc(1 << 20);
  return { fd, read: () => chunk.toString('utf8', 0, readSync(reader, chunk)) };
}

type Tap = Pick<typeof t, 'testdir' | 'teardown'>;

t.test('a pipe that nobody reads is waited for once; what was lost is told when it takes lines again', (t) => {
  const pipe = stuckPipe(t);
  const output = new LineOutput({ fd: pipe.fd, lostLine });
  const line = `${'x'.repeat(1_023)}\n`;
  const started = performance.now();
  const lines = 2_000;
  for (let n = 0; n < lines; n += 1) output.write(line);
  t.ok(performance.now() - started < 5_000, 'a wait for each would be a hundred seconds');
  const arrived = pipe.read();
  const whole = arrived.length / line.length;
  t.equal(arrived, line.repeat(whole), 'what arrived is whole');
  output.write('again\n');
  t.equal(pipe.read(), `lost ${lines - whole}\nagain\n`);
  output.write('and on\n');
  t.equal(pipe.read(), 'and on\n', 'told once');
  t.end();
});

t.test('a line that was cut short is ended before the next one', (t) => {
  const pipe = stuckPipe(t);
  const output = new LineOutput({ fd: pipe.fd, lostLine });
  const long = `${'y'.repeat(3 << 20)}\n`;
  output.write(long);
  let arrived = '';
  while (arrived.length < 64 * 1_024) arrived += pipe.read();
  output.write('next\n');
  t.match(arrived + pipe.read(), /^y+\nlost 1\nnext\n$/);
  t.end();
});

t.test('a disk that is full, or a descriptor that is closed, loses lines and nothing else (F6)', (t) => {
  if (existsSync('/dev/full')) {
    const full = openSync('/dev/full', 'w');
    const output = new LineOutput({ fd: full, lostLine });
    t.doesNotThrow(() => output.write('a line\n'));
    closeSync(full);
    t.doesNotThrow(() => output.write('a line\n'));
  }
  const path = `${t.testdir({ log: '' })}/log`;
  const fd = openSync(path, 'a');
  const output = new LineOutput({ fd, lostLine });
  output.write('one\n');
  closeSync(fd);
  t.doesNotThrow(() => output.write('two\n'));
  t.equal(readFileSync(path, 'utf8'), 'one\n');
  t.end();
});
