/** Events by the id that their producer gave them: `GET /events/external/{external_job_id}`, and `/all` of them. */
import { EngineError, formatEventId } from '../../engine/index.js';
import { readQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readExternalJobId } from '../input/fields/external-job-id.js';
import { isRefusal, type Refusal, refuse } from '../input/refusal.js';
import { renderList, renderView } from './event-json.js';
import type { Answer, Services } from './services.js';

/** The latest one, over all sources unless one is named. */
export async function readExternal(request: Request, { engine }: Services): Promise<Answer> {
  const asked = readAsked(request);
  if (isRefusal(asked)) return asked;
  const [latest] = await engine.withExternalId(asked);
  if (latest === undefined) throw new EngineError('not-found', `there is no event with external_job_id "${asked.externalJobId}"`);
  const view = await engine.get(formatEventId(latest.id));
  return replyJson(200, renderView(view), [['ETag', `"${view.version}"`]]);
}

/** Newest first, one for each source that has it. */
export async function listExternal(request: Request, { engine }: Services): Promise<Answer> {
  const asked = readAsked(request);
  if (isRefusal(asked)) return asked;
  return replyJson(200, `{"data":${renderList(await engine.withExternalId(asked))}}`);
}

function readAsked({ parameter, query }: Request): { externalJobId: string; source: string | null } | Refusal {
  const parameters = readQuery(query, ['source']);
  if (isRefusal(parameters)) return parameters;
  const externalJobId = readExternalJobId(parameter);
  if (externalJobId === null) return refuse('not-found', 'the external_job_id in the path is not percent-encoded UTF-8');
  return { externalJobId, source: parameters.get('source') ?? null };
}
