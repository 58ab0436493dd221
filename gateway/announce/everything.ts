/** Where the stream of changes stands now. */
import type { Engine, StatusFilter } from '../../engine/index.js';

export const everything: StatusFilter = { status: null, source: null, type: null, eventId: null, externalJobId: null };

/** Costs the hosts a message or two, while following the stream costs them work for each change. */
export async function placeNow(engine: Pick<Engine, 'subscribe'>): Promise<string> {
  const subscription = await engine.subscribe(everything, () => true, null);
  const { cursor } = subscription;
  subscription.close();
  return cursor;
}
