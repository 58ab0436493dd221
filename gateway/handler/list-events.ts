/** `GET /events`: which events there are, page by page. */
import type { Request } from '../http/request.js';
import { replyJson } from '../http/reply.js';
import { writeCursor } from '../input/list-cursor.js';
import { readListRequest } from '../input/list-input.js';
import { isRefusal } from '../input/refusal.js';
import { renderList } from './event-json.js';
import type { Answer, Services } from './services.js';

export async function listEvents(request: Request, { engine }: Services): Promise<Answer> {
  const list = readListRequest(request.query);
  if (isRefusal(list)) return list;
  const { events, hasMore, next } = await engine.list(list);
  const cursor = hasMore ? JSON.stringify(writeCursor(list, next)) : 'null';
  return replyJson(200, `{"data":${renderList(events)},"next_cursor":${cursor},"has_more":${hasMore}}`);
}
