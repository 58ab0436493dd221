/**
 * A second door to the engine: what the gateway needs where NATS is configured.
 *
 * Not in `index.ts`, since with it comes the client of NATS, 70 ms of a start.
 */
export { Inlet } from './nats/inlet.js';
export { Interest } from './nats/interest.js';
export { loadProgress, saveProgress } from './nats/progress.js';
export {
  deadSubject,
  ensureDeadLetters,
  ensureProgress,
  ingestStream,
  ingestSubject,
  rejectedSubject,
  statusSubject,
} from './nats/streams.js';
