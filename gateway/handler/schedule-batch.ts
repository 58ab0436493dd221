/**
 * `POST /events/batch`: up to 10,000 events, each accepted or refused for itself.
 *
 * The answer is 200 whatever became of the events, and says for each by its index what did. With `?results=errors` only
 * the refused ones are listed, which for a good batch of 10,000 saves a megabyte.
 */
import { setImmediate as pause } from 'node:timers/promises';
import type { ScheduledEvents, SpecSheet } from '../../engine/index.js';
import { batchFormOf } from '../http/media-type.js';
import { readQuery, refuseQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readBatch, sheetStock } from '../input/batch-input.js';
import { readContext } from '../input/event-context.js';
import { isRefusal } from '../input/refusal.js';
import { renderSheets } from './batch-results.js';
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
  const batch = await readBatch({ body: request.body, form }, context);
  if (isRefusal(batch)) return batch;
  const scheduled = await scheduleSheets(batch.sheets, services);
  return replyJson(200, renderSheets({ batch, scheduled, onlyErrors: results === 'errors' }));
}

/** Those of one batch one after the other, with a pause between: each holds the thread for about a millisecond. */
async function scheduleSheets(sheets: readonly SpecSheet[], { engine }: Services): Promise<readonly ScheduledEvents[]> {
  const scheduled: ScheduledEvents[] = [];
  let open = sheets.length;
  let allSettled: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => {
    allSettled = resolve;
  });
  for (const [place, sheet] of sheets.entries()) {
    if (place > 0) await pause();
    const events = engine.scheduleSheet(sheet, () => {
      if (--open === 0) allSettled();
    });
    scheduled.push(events);
    sheetStock.giveBack(sheet);
  }
  if (sheets.length > 0) await settled;
  return scheduled;
}
