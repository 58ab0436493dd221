/**
 * Which call is answered where: the whole surface in one table.
 *
 * Paths are compared as they were sent: no decoding, no folding of case or slashes, so that there is one spelling of each
 * and nothing in front of us can see another path than we do.
 */
import { batchBodyBytesMax, eventBodyBytesMax } from '../engine/index.js';
import { cancelEvent } from './handler/cancel-event.js';
import { readHealth, readLiveness, readMetrics, readReadiness } from './handler/operate.js';
import { readEvent, readHistory } from './handler/read-event.js';
import { readProblem } from './handler/read-problem.js';
import { scheduleBatch } from './handler/schedule-batch.js';
import { scheduleEvent } from './handler/schedule-event.js';
import type { Handler } from './handler/services.js';
import { emptyBodyBytesMax } from './limits.js';

export interface Route {
  readonly handler: Handler;
  readonly bodyBytesMax: number;
  /** Answered also while the gateway is stopping. */
  readonly whileStopping: boolean;
}

export type Match =
  | { readonly kind: 'route'; readonly route: Route; readonly parameter: string }
  | { readonly kind: 'wrong-method'; readonly allow: string }
  | { readonly kind: 'no-path' };

export const streamPath = '/api/v1/stream';

function call(handler: Handler, bodyBytesMax = emptyBodyBytesMax): Route {
  return { handler, bodyBytesMax, whileStopping: false };
}

function probe(handler: Handler): Route {
  return { handler, bodyBytesMax: emptyBodyBytesMax, whileStopping: true };
}

type Methods = Readonly<Record<string, Route>>;

/** Paths without a variable part. The stream's own GET is taken by the WebSocket upgrade before it gets here. */
const fixed: ReadonlyMap<string, Methods> = new Map<string, Methods>([
  ['/api/v1/events', { POST: call(scheduleEvent, eventBodyBytesMax) }],
  ['/api/v1/events/batch', { POST: call(scheduleBatch, batchBodyBytesMax) }],
  ...['', '/api/v1'].flatMap((root): [string, Methods][] => [
    [`${root}/health`, { GET: probe(readHealth) }],
    [`${root}/health/live`, { GET: probe(readLiveness) }],
    [`${root}/health/ready`, { GET: probe(readReadiness) }],
  ]),
  ['/metrics', { GET: probe(readMetrics) }],
]);

/** Paths with one: before it, behind it. */
const variable: readonly { readonly prefix: string; readonly suffix: string; readonly methods: Methods }[] = [
  { prefix: '/api/v1/events/', suffix: '/history', methods: { GET: call(readHistory) } },
  { prefix: '/api/v1/events/', suffix: '/cancel', methods: { POST: call(cancelEvent) } },
  { prefix: '/api/v1/events/', suffix: '', methods: { GET: call(readEvent), DELETE: call(cancelEvent) } },
  { prefix: '/problems/', suffix: '', methods: { GET: call(readProblem) } },
];

export function matchRoute(method: string, path: string): Match {
  const methods = fixed.get(path);
  if (methods !== undefined) return choose(methods, method, '');
  for (const { prefix, suffix, methods } of variable) {
    if (!path.startsWith(prefix) || !path.endsWith(suffix)) continue;
    const parameter = path.slice(prefix.length, path.length - suffix.length);
    if (parameter !== '' && !parameter.includes('/')) return choose(methods, method, parameter);
  }
  return { kind: 'no-path' };
}

function choose(methods: Methods, method: string, parameter: string): Match {
  if (Object.hasOwn(methods, method)) return { kind: 'route', route: methods[method]!, parameter };
  return { kind: 'wrong-method', allow: Object.keys(methods).join(', ') };
}
