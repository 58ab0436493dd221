/** `POST /events/cancel` and `POST /events/retry`: all events that match a filter. */
import type { BulkRequest, BulkResult } from '../../engine/index.js';
import { refuseOtherThanJson } from '../http/media-type.js';
import { readQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readBulkRequest } from '../input/bulk-input.js';
import { isRefusal, type Refusal } from '../input/refusal.js';
import type { Answer, Services } from './services.js';

export async function cancelEvents(request: Request, { engine }: Services): Promise<Answer> {
  const asked = readAsked(request);
  return isRefusal(asked) ? asked : render(await engine.cancelMatching(asked));
}

export async function retryEvents(request: Request, { engine }: Services): Promise<Answer> {
  const asked = readAsked(request);
  return isRefusal(asked) ? asked : render(await engine.retryMatching(asked));
}

function readAsked({ query, contentType, body }: Request): BulkRequest | Refusal {
  const parameters = readQuery(query, []);
  if (isRefusal(parameters)) return parameters;
  return refuseOtherThanJson(contentType) ?? readBulkRequest(body);
}

function render({ matched, changed, hasMore }: BulkResult): Answer {
  return replyJson(200, JSON.stringify({ matched, changed, has_more: hasMore }));
}
