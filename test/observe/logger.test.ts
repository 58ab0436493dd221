import t from 'tap';
import { createLogger, type LoggerOptions } from '../../engine/observe/logger.js';

function setup(format: LoggerOptions['format'], level: LoggerOptions['level'] = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ level, format, sink: { write: (line) => lines.push(line) } });
  return { logger, lines };
}

t.test('a line is one JSON object with level, time, component and message', async (t) => {
  const { logger, lines } = setup('json');
  logger.child({ component: 'gateway' }).warn({ path: '/x', note: 'a\nb' }, 'slow request');
  t.equal(lines.length, 1);
  t.equal(lines[0]!.indexOf('\n'), lines[0]!.length - 1);
  const line = JSON.parse(lines[0]!);
  t.match(line, { level: 'warn', component: 'gateway', path: '/x', note: 'a\nb', msg: 'slow request' });
  t.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.notOk('pid' in line || 'hostname' in line);
});

t.test('what is below the level is left out', async (t) => {
  const { logger, lines } = setup('json', 'error');
  logger.warn({}, 'not said');
  logger.error({}, 'said');
  t.equal(lines.length, 1);
});

t.test('an error is written with its stack', async (t) => {
  const { logger, lines } = setup('json');
  logger.error({ err: new RangeError('too far') }, 'failed');
  const { err } = JSON.parse(lines[0]!);
  t.match(err, { type: 'RangeError', message: 'too far', stack: /logger\.test/ });
});

t.test('the pretty form is one readable line, and a stack below it', async (t) => {
  const { logger, lines } = setup('pretty');
  logger.child({ component: 'log' }).info({ partition: 3, ranges: [1, 2] }, 'sealed');
  t.match(lines[0], /^\d\d:\d\d:\d\d\.\d{3} INFO {2}log sealed {2}partition=3 ranges=\[1,2\]\n$/);
  logger.fatal({ err: new Error('broken') }, 'stopped');
  t.match(lines[1], /^\S+ FATAL main stopped\n {4}Error: broken\n {8}at /);
});
