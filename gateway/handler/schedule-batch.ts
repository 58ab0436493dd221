/**
 * `POST /events/batch`: up to 10,000 events, each accepted or refused for itself.
 *
 * The answer is 200 whatever became of the events, and says for each by its index what did. With `?results=errors` only
 * the refused ones are listed, which for a good batch of 10,000 saves a megabyte.
 */
import { setImmediate as pause } from 'node:timers/promises';
import type { EngineError, NewEvent, ScheduleResult } from '../../engine/index.js';
import { batchFormOf } from '../http/media-type.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readBatch } from '../input/batch-input.js';
import { readContext } from '../input/event-context.js';
import { isRefusal } from '../input/refusal.js';
import { renderResults } from './batch-results.js';
import type { Answer, Services } from './services.js';

export async function scheduleBatch(request: Request, services: Services): Promise<Answer> {
  const form = batchFormOf(request.contentType);
  if (typeof form !== 'string') return form;
  const query = readQuery(request.query, ['results']);
  if (isRefusal(query)) return query;
  const results = query.get('results') ?? 'all';
  if (results !== 'all' && results !== 'errors') return refuseQuery('the query parameter results must be all or errors');
  const context = readContext(request, services);
  if (isRefusal(context)) return context;
  const events = await readBatch({ body: request.body, form }, context);
  if (isRefusal(events)) return events;
  const valid = events.filter((event): event is NewEvent => !isRefusal(event));
  const scheduled = await scheduleInSlices(valid, services);
  return replyJson(200, renderResults({ events, scheduled, onlyErrors: results === 'errors' }));
}

/** Encoding 30 MB of events in one go holds the thread for a tenth of a second; the usual batch is one slice. */
const sliceEvents = 2_000;
const slicePayloadBytes = 1024 * 1024;

async function scheduleInSlices(
  events: readonly NewEvent[],
  { engine }: Services,
): Promise<readonly (ScheduleResult | EngineError)[]> {
  const slices: Promise<readonly (ScheduleResult | EngineError)[]>[] = [];
  for (let from = 0; from < events.length; ) {
    const to = endOfSlice(events, from);
    const slice = engine.scheduleBatch(events.slice(from, to));
    // What it rejects with is thrown below, when the last slice is on its way.
    slice.catch(() => undefined);
    slices.push(slice);
    from = to;
    if (from < events.length) await pause();
  }
  return slices.length === 1 ? slices[0]! : (await Promise.all(slices)).flat();
}

function endOfSlice(events: readonly NewEvent[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < events.length && to - from < sliceEvents && bytes < slicePayloadBytes)
    bytes += events[to++]!.spec.payload?.length ?? 0;
  return to;
}
