/** `GET /stream` that asks for no upgrade: somebody has opened a WebSocket's address as a page. */
import { refuse } from '../input/refusal.js';
import type { Answer } from './services.js';

export function refuseWithoutUpgrade(): Answer {
  return refuse('malformed-request', 'this path is a WebSocket: connect with an upgrade');
}
