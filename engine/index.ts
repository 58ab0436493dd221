/** The only door to the engine: what the gateway, the benches and embedding programs use. */
export type { EventView, HistoryEntry } from './event/view.js';
export type { EventSpec } from './event/spec.js';
