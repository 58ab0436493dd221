/** The history of an event against the state table, and against what was asked of it. */
import type { EventAnswer, HistoryAnswer } from '../support/http.js';
import type { Entry } from './ledger.js';

const nextStatuses: Readonly<Record<string, readonly string[]>> = {
  SCHEDULED: ['SCHEDULED', 'DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DISPATCHED: ['DELIVERED', 'RETRYING', 'DEAD'],
  RETRYING: ['RETRYING', 'DISPATCHED', 'CANCELLED', 'EXPIRED'],
  DELIVERED: [],
  DEAD: ['SCHEDULED'],
  CANCELLED: ['SCHEDULED'],
  EXPIRED: ['SCHEDULED'],
};
const comesBackFrom = ['DEAD', 'CANCELLED', 'EXPIRED'];

export function hearHistory({
  entry,
  event,
  history,
  accuse,
}: {
  entry: Entry;
  event: EventAnswer;
  history: readonly HistoryAnswer[];
  accuse: (text: string) => void;
}): void {
  const walk = history.map(({ status }) => status).join(' ');
  if (history[0]?.status !== 'SCHEDULED') accuse(`its history begins with ${history[0]?.status}`);
  let returns = 0;
  for (const [index, { version, status }] of history.entries()) {
    if (version !== index + 1) accuse(`version ${version} stands at place ${index + 1} of its history`);
    if (index === 0) continue;
    const before = history[index - 1]!.status;
    if (!nextStatuses[before]!.includes(status)) accuse(`its history is not legal: ${walk}`);
    if (comesBackFrom.includes(before)) returns++;
  }
  const { asked, answered } = entry.revival ?? { asked: 0, answered: 0 };
  if (returns > asked) accuse(`it came back ${returns} times, asked for ${asked} times: ${walk}`);
  if (returns < answered) accuse(`${answered} retries were answered 200, its history has ${returns}: ${walk}`);
  if (history.length !== event.version) accuse(`its version is ${event.version}, its history has ${history.length} entries`);
  if (history.at(-1)?.status !== event.status) accuse(`is ${event.status}, and its history ends: ${walk}`);
}
