/**
 * What all changes of one event have in common: by its id, or by the name that its producer has given it; only as a certain version
 * if `If-Match` says so; and the event as it is behind the change for an answer.
 */
import { type Change, type Condition, type Engine, type EventName, type EventView, formatEventId } from '../../engine/index.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { type Reply, replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readExternalJobId } from '../input/fields/external-job-id.js';
import { readIfMatch } from '../input/fields/if-match.js';
import { isRefusal, type Refusal, refuse } from '../input/refusal.js';
import { renderView } from './event-json.js';
import type { Answer, Handler, Services } from './services.js';

/** How the path names the event. */
export type Naming = 'id' | 'external';

/** What is asked about which event, as far as path, query and headers say it. */
export interface Asked {
  readonly query: ReadonlyMap<string, string>;
  readonly condition: Condition;
}

/** `known`: parameters of the call itself. */
export function readAsked(request: Request, known: readonly string[]): Asked | Refusal {
  const query = readQuery(request.query, known);
  if (isRefusal(query)) return query;
  const condition = readIfMatch(request.ifMatch);
  return isRefusal(condition) ? condition : { query, condition };
}

/**
 * A call that changes the event that its path names. `read` makes of the request what is to become of it, before anybody is asked;
 * `parameters`: those that it takes from the query.
 */
export function changing(
  naming: Naming,
  {
    parameters = [],
    read,
    status = () => 200,
  }: {
    readonly parameters?: readonly string[];
    readonly read: (request: Request, services: Services, query: Asked['query']) => Change | Refusal;
    readonly status?: (view: EventView) => number;
  },
): Handler {
  return async (request, services): Promise<Answer> => {
    const asked = readAsked(request, naming === 'id' ? parameters : [...parameters, 'source']);
    if (isRefusal(asked)) return asked;
    const change = read(request, services, asked.query);
    if (isRefusal(change)) return change;
    const { engine } = services;
    const name = naming === 'id' ? request.parameter : await nameOf(request.parameter, { engine, query: asked.query });
    if (typeof name === 'object' && isRefusal(name)) return name;
    const view = await engine.change(name, { ...change, ...asked.condition });
    return replyChanged(status(view), view);
  };
}

/** Without a source it must be plain which event is meant: a change of somebody else's event cannot be taken back. */
async function nameOf(
  parameter: string,
  { engine, query }: { readonly engine: Engine; readonly query: Asked['query'] },
): Promise<EventName | Refusal> {
  const externalJobId = readExternalJobId(parameter);
  if (externalJobId === null) return refuse('not-found', 'the external_job_id in the path is not percent-encoded UTF-8');
  const source = query.get('source');
  if (source !== undefined) return { externalJobId, source };
  const [first, ...others] = await engine.withExternalId({ externalJobId, source: null });
  if (first === undefined) return refuse('not-found', `there is no event with external_job_id ${JSON.stringify(externalJobId)}`);
  if (others.length === 0) return formatEventId(first.id);
  const sources = [first, ...others].slice(0, sourcesShownMax).map(({ spec }) => spec.source);
  return refuseQuery(`source must say which event is meant: there is one of ${sources.join(', of ')}`);
}

const sourcesShownMax = 5;

export function replyChanged(status: number, view: EventView): Reply {
  return replyJson(status, renderView(view), [['ETag', `"${view.version}"`]]);
}
