/** Every event that matches, page by page. */
import type { Engine, EventFilter } from '../../engine/index.js';

export async function listToEnd(engine: Engine, filter: EventFilter): Promise<number> {
  let events = 0;
  let after = null;
  for (let hasMore = true; hasMore; ) {
    const page = await engine.list({ filter, sort: 'scheduled_at', order: 'asc', after, skip: 0, limit: 100 });
    after = page.next;
    hasMore = page.hasMore;
    events += page.events.length;
  }
  return events;
}
