/** `GET /events/{id}` and its history. */
import { readQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { isRefusal } from '../input/refusal.js';
import { renderHistory, renderView } from './event-json.js';
import type { Answer, Services } from './services.js';

export async function readEvent(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const view = await engine.get(request.parameter);
  return replyJson(200, renderView(view), [['ETag', `"${view.version}"`]]);
}

export async function readHistory(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  return replyJson(200, renderHistory(await engine.history(request.parameter)));
}
