/** Where the stream of changes stands now. */
import type { StatusFilter, ToldStream } from '../../engine/index.js';

export const everything: StatusFilter = { status: null, source: null, type: null, eventId: null, externalJobId: null };

/** Costs the hosts a message or two, while following the stream costs them work for each change. */
export async function placeNow(stream: Pick<ToldStream, 'subscribe'>): Promise<string> {
  const subscription = await stream.subscribe(everything, () => true, null);
  const { cursor } = subscription;
  subscription.close();
  return cursor;
}
