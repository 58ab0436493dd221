/** The commands about a data directory as the shipped program: output and exit codes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { listSegments } from '../../../engine/log/segment/segment-files.js';
import { until, within } from '../../support/deadline.js';
import { Program } from '../../support/process.js';
import { startServer, temporaryDir } from '../../support/server.js';
import { damageRecord } from '../../log/stored-records.js';

const script = new URL('../../../gateway/main.js', import.meta.url);

const timeout = 90_000;

t.setTimeout(timeout);

/** Ends by itself. */
async function run(
  t: Test,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const program = new Program({ script, args });
  t.teardown(() => program.kill());
  const { code } = await within(args.join(' '), program.exited, 30_000);
  return { code, out: program.stdout.join('\n'), err: program.stderr.join('\n') };
}

t.test('verify, inspect and repair: output and exit codes, and what is mended works again', { timeout }, async (t) => {
  const dataDir = temporaryDir(t);
  const server = await startServer(t, { dataDir, flags: ['--partitions', '1'] });
  const schedule = async (delay: string): Promise<string> => {
    const { body } = await server.client.schedule({
      destination: 'http://127.0.0.1:1/',
      delay,
      headers: { authorization: 'Bearer hidden' },
      payload: { big: 1 },
    });
    return body.id;
  };
  const [finished, pending, lost] = [await schedule('1h'), await schedule('2h'), await schedule('3h')];
  await server.client.cancel(finished);
  await server.stop();

  t.match(await run(t, ['verify', '--data-dir', dataDir]), {
    code: 0,
    out: /^partition 0: whole \(4 records in 1 segment, mark at 4\)\nEverything is whole\.$/,
  });
  const shown = await run(t, ['inspect', lost, '--data-dir', dataDir]);
  t.equal(shown.code, 0);
  const event = { id: lost, status: 'SCHEDULED', payload: { big: 1 } };
  t.match(JSON.parse(shown.out), { partition: 0, event, records: [{ kind: 'accepted' }] });
  t.notMatch(shown.out, 'hidden');
  t.match(await run(t, ['inspect', lost.replace(/.{4}$/, '0000'), '--data-dir', dataDir]), { code: 3, out: '' });

  const { path } = listSegments(join(dataDir, 'partitions', '0000'))[0]!;
  damageRecord(path, 1);
  damageRecord(path, 3);
  const damaged = await run(t, ['verify', '--data-dir', dataDir]);
  t.match(damaged, {
    code: 2,
    out: /DAMAGED.*partitions\/0000\/0000000000000001\.log, sequence 1: the record fails its checksum/s,
  });
  t.match(damaged.out, `of event ${finished}`);
  t.match(await run(t, ['inspect', lost, '--data-dir', dataDir]), { code: 2 });

  await server.restart();
  await until('the partition has stopped', async () => (await server.client.get('/health')).text.includes('"failed"'));
  await server.stop();
  t.match(await run(t, ['repair', '--data-dir', dataDir]), { code: 2, out: new RegExp(`needs --give-up ${lost} or 0:3`) });
  t.match(await run(t, ['repair', '--apply', '--data-dir', dataDir]), { code: 1, err: /nothing was changed/ });
  t.match(await run(t, ['repair', '--apply', '--give-up', lost, '--data-dir', dataDir]), {
    code: 0,
    out: /Mended\. .*set-aside/,
  });
  t.match(await run(t, ['verify', '--data-dir', dataDir]), { code: 0 });

  await server.restart();
  await server.ready();
  t.match(await server.client.event(finished), { status: 404 });
  t.match(await server.client.event(lost), { status: 404 });
  t.match(await server.client.cancel(pending), { status: 200 });
  t.match(await server.client.schedule({ destination: 'http://127.0.0.1:1/', delay: '1h' }), { status: 201 });
});

t.test('a command that cannot look says why in one line', { timeout }, async (t) => {
  const nowhere = join(temporaryDir(t), 'none');
  for (const args of [['verify'], ['inspect', 'x1']]) {
    const { code, err } = await run(t, [...args, '--data-dir', nowhere]);
    if (args[0] === 'verify') t.match({ code, err }, { code: 1, err: /^escapement: there is no data directory/ });
    else t.equal(code, 3, 'what is no id is nowhere');
  }
  const other = temporaryDir(t);
  writeFileSync(join(other, 'format.json'), '{"format":9,"partitions":1,"hash":"x"}');
  t.match(await run(t, ['verify', '--data-dir', other]), { code: 1, err: /has format 9\/x/ });
});
