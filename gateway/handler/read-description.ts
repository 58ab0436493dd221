/** `GET /openapi.json`. */
import { readQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { isRefusal } from '../input/refusal.js';
import type { Answer, Services } from './services.js';

export async function readDescription(request: Request, { description }: Services): Promise<Answer> {
  const query = readQuery(request.query, []);
  return isRefusal(query) ? query : replyJson(200, await description());
}
