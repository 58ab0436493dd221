/**
 * `POST /events/batch`: up to 10,000 events, each accepted or refused for itself.
 *
 * The answer is 200 whatever became of the events, and says for each by its index what did. With `?results=errors` only
 * the refused ones are listed, which for a good batch of 10,000 saves a megabyte.
 */
import type { ScheduledEvents } from '../../engine/index.js';
import { batchFormOf } from '../http/media-type.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readBatch } from '../input/batch-input.js';
import { readContext } from '../input/event-context.js';
import { isRefusal } from '../input/refusal.js';
import { stepping } from '../steps.js';
import { renderResults } from './batch-results.js';
import { scheduleSheets } from './scheduled-sheets.js';
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
  const batch = await stepping(readBatch({ body: request.body, form }, context));
  if (isRefusal(batch)) return batch;
  const scheduled = await new Promise<readonly ScheduledEvents[]>((settled, failed) => {
    stepping(scheduleSheets(batch.sheets, { engine: services.engine, settled })).catch(failed);
  });
  return replyJson(200, renderResults({ batch, scheduled, onlyErrors: results === 'errors' }));
}
