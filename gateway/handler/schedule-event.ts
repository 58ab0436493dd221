/** `POST /events`: one event. */
import { replyJson } from '../http/reply.js';
import { refuseOtherThanJson } from '../http/media-type.js';
import { readQuery } from '../http/query.js';
import type { Request } from '../http/request.js';
import { readContext } from '../input/event-context.js';
import { isRefusal } from '../input/refusal.js';
import { readSingle } from '../input/single-input.js';
import { renderAccepted, renderView } from './event-json.js';
import type { Answer, Services } from './services.js';

export async function scheduleEvent(request: Request, services: Services): Promise<Answer> {
  const refusal = refuseOtherThanJson(request.contentType);
  if (refusal !== null) return refusal;
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const context = readContext(request, services);
  if (isRefusal(context)) return context;
  const event = readSingle(request.body, context);
  if (isRefusal(event)) return event;
  const result = await services.engine.schedule(event);
  if (result.replayed) {
    const { view } = result;
    return replyJson(200, renderView(view), [
      ['ETag', `"${view.version}"`],
      ['Idempotent-Replayed', 'true'],
    ]);
  }
  return replyJson(201, renderAccepted(event.spec, result), [
    ['Location', `/api/v1/events/${result.id}`],
    ['ETag', '"1"'],
  ]);
}
