/** `escapement inspect`: what `inspectEvent` finds, as JSON with a line for each record. */
import { type Command, command, type Inspection } from '../../engine/index.js';
import { renderHistory, renderView } from '../handler/event-json.js';
import { formatInstant } from '../input/fields/instant.js';
import { exitCodes } from './exit-codes.js';
import { dataDirOf, dataDirSetting, print, tell } from './terminal.js';

export function inspectCommand(): Command {
  return command({
    name: 'inspect',
    summary: 'shows an event and each of its records from a stopped data directory',
    parameters: [{ name: 'event-id', meaning: 'the id that the answer to its request carried' }],
    settings: dataDirSetting,
    explanation: `It reads the log itself, so it also works where an index or a part of the history is damaged. The output is JSON: the
event and its history as the API shows them, then every record that the log holds of it. A running Escapement is asked over its API.
Exit codes: 0 it is there, 1 the directory cannot be read now, 2 some of its records are damaged, 3 there is nothing of it.`,
    async run({ words, values, surroundings }) {
      const { inspectEvent } = await import('../../engine/upkeep-tools.js');
      const [id] = words as [string];
      const inspection = inspectEvent({ dataDir: dataDirOf(values, surroundings), id, say: tell });
      if (inspection === null) {
        tell(`escapement: the data directory holds nothing of ${id}`);
        return exitCodes.absent;
      }
      print(rendered(inspection));
      return inspection.event === null || inspection.lost.length > 0 ? exitCodes.damaged : exitCodes.done;
    },
  });
}

/** The event's own JSON is taken over as it is, so that the digits of its payload stay. */
function rendered({ partition, records, lost, event, detail }: Inspection): string {
  const history = event === null ? '[]' : JSON.stringify((JSON.parse(renderHistory(event.history)) as { data: unknown }).data);
  const rows = records.map(({ seq, segment, kind, at, previous, bodyBytes }) =>
    JSON.stringify({ sequence: seq, kind, at: formatInstant(at), previous, body_bytes: bodyBytes, segment }),
  );
  const gone = lost.map(({ seq, fault }) => JSON.stringify({ sequence: seq, detail: fault.detail }));
  return [
    `{"partition":${partition},`,
    ` "event":${event === null ? 'null' : renderView(event.view).toString('utf8')},`,
    ` "detail":${JSON.stringify(detail)},`,
    ` "history":${history},`,
    ` "records":${lines(rows)},`,
    ` "damaged":${lines(gone)}}`,
  ].join('\n');
}

function lines(rows: readonly string[]): string {
  return rows.length === 0 ? '[]' : `[\n  ${rows.join(',\n  ')}]`;
}
