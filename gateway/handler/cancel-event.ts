/** `DELETE /events/{id}` and `POST /events/{id}/cancel`. Once the answer is sent, no attempt starts. */
import { readQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { refuseFieldsIn } from '../input/empty-input.js';
import { isRefusal } from '../input/refusal.js';
import { renderView } from './event-json.js';
import type { Answer, Services } from './services.js';

export async function cancelEvent(request: Request, { engine }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const refusal = refuseFieldsIn(request.body);
  if (refusal !== null) return refusal;
  const view = await engine.cancel(request.parameter);
  return replyJson(200, renderView(view), [['ETag', `"${view.version}"`]]);
}
