/**
 * `npm start`: install what is missing, build what has changed, then gateway and engine in this very process, so that
 * signals and exit codes are theirs. Flags go on: `npm start -- --port 9090`.
 */
import { prepare } from './prepare.mjs';
import { command } from './step.mjs';

await command(async () => {
  await prepare();
  const { main } = await import('../build/gateway/main.js');
  await main({ argv: process.argv.slice(2), onListening: greet });
});

/** An event that needs no receiver: it asks the engine's own health page, five seconds from now. */
function greet({ url, config }) {
  const destination = config.egress === 'public' ? 'https://example.org/' : `${url}/health/live`;
  const event = JSON.stringify({ delay: '5s', method: 'GET', destination });
  console.log(
    [
      '',
      `  data      ${config.dataDir}`,
      `  health    ${url}/health`,
      '  stop      Ctrl-C',
      '',
      '  An event that leaves in 5 seconds; its answer names the id, and /api/v1/events/<id>/history shows what became of it:',
      '',
      `  curl -s -X POST ${url}/api/v1/events -H 'content-type: application/json' -d '${event}'`,
      '',
    ].join('\n'),
  );
}
