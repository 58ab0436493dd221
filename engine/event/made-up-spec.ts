/** What nobody asked for: the event that threads practise with before they open (`actor/rehearsal.ts`). Never stored, never delivered. */
import type { WallMs } from '../kernel/brand.js';
import { defaultSpec, type EventSpec } from './spec.js';

export const madeUpOrigin = 'http://rehearsal.invalid';

export function madeUpSpec(scheduledAtMs: WallMs, createdAtMs: WallMs): EventSpec {
  return {
    ...defaultSpec,
    source: 'rehearsal',
    scheduledAtMs,
    destination: `${madeUpOrigin}/`,
    payload: new TextEncoder().encode('{"rehearsal":true}'),
    createdAtMs,
  };
}
