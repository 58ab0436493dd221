/** What the server says on the WebSocket. Text, because all of it is sent more often than it is built. */
import type { StatusBatch, Statistics } from '../../engine/index.js';
import { changeItems } from '../stream/change-item.js';
import type { FeedWords } from '../stream/feed.js';

export const pongFrame = '{"op":"pong"}';

export function statisticsFrame(statistics: Statistics): string {
  return JSON.stringify({ op: 'stats', ...statistics });
}

/** `id` names the subscription that the error is about; left out when it is about none. */
export function errorFrame({ code, detail, id }: { code: string; detail: string; id?: string }): string {
  return JSON.stringify({ op: 'error', ...(id === undefined ? {} : { id }), code, detail });
}

/** Of the subscription with this id. */
export function subscriptionFrames(id: string): FeedWords {
  const name = JSON.stringify(id);
  return {
    begun: (cursor) => `{"op":"subscribed","id":${name},"cursor":"${cursor}"}`,
    changes: ({ cursor, items }: StatusBatch) =>
      `{"op":"changes","id":${name},"cursor":"${cursor}","items":${changeItems(items)}}`,
    cursor: (cursor) => `{"op":"cursor","id":${name},"cursor":"${cursor}"}`,
    gap: ({ from, to }) => `{"op":"gap","id":${name},"from":"${from}","to":"${to}"}`,
    lagging: (behind) => `{"op":"lagging","id":${name},"behind":${behind}}`,
  };
}
