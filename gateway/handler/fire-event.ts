/** `POST /events/{id}/fire`, also by external id: a pending event is due now. */
import { refuseFieldsIn } from '../input/empty-input.js';
import { changing, type Naming } from './change-event.js';
import type { Handler } from './services.js';

export function fireEvent(naming: Naming): Handler {
  return changing(naming, { read: ({ body }) => refuseFieldsIn(body) ?? { op: 'fire' } });
}
