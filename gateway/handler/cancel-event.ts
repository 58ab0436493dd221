/**
 * `DELETE /events/{id}` and `POST /events/{id}/cancel`, also by external id. Once a 200 is sent, no attempt starts; with
 * `?in_flight=stop-retries` a running event is answered with 202, and no further attempt follows this one.
 */
import { refuseQuery } from '../http/query.js';
import { refuseFieldsIn } from '../input/empty-input.js';
import { changing, type Naming } from './change-event.js';
import type { Handler } from './services.js';

export function cancelEvent(naming: Naming): Handler {
  return changing(naming, {
    parameters: ['in_flight'],
    read: ({ body }, _services, query) => {
      const inFlight = query.get('in_flight');
      if (inFlight !== undefined && inFlight !== 'stop-retries') return refuseQuery('in_flight must be stop-retries');
      return refuseFieldsIn(body) ?? { op: 'cancel', stopRetries: inFlight !== undefined };
    },
    status: (view) => (view.status === 'CANCELLED' ? 200 : 202),
  });
}
