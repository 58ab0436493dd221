/** `GET /stream/sse`: changes as server-sent events. */
import { isRefusal } from '../input/refusal.js';
import { readEventQuery } from '../stream/event-query.js';
import type { Handler } from './services.js';

/** A comment: the head goes out with it. */
const opening = ':\n\n';
/** No cache may keep it, and no proxy may gather it. */
const headers = [
  ['Cache-Control', 'no-store'],
  ['X-Accel-Buffering', 'no'],
] as const;

export const followEvents: Handler = async ({ query, lastEventId }, { eventStreams }) => {
  const asked = readEventQuery(query, lastEventId);
  if (isRefusal(asked)) return asked;
  const sequel = await eventStreams.open(asked.filter, asked.cursor);
  return { status: 200, contentType: 'text/event-stream', headers, body: opening, close: false, sequel };
};
