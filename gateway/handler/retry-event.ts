/** `POST /events/{id}/retry`, also by external id: what is finished, and was not delivered, is tried again, now or later. */
import { refuseOtherThanJson } from '../http/media-type.js';
import { isRefusal } from '../input/refusal.js';
import { readRetryTimes } from '../input/retry-input.js';
import { changing, type Naming } from './change-event.js';
import type { Handler } from './services.js';

export function retryEvent(naming: Naming): Handler {
  return changing(naming, {
    read: ({ contentType, body }, { clock }) => {
      const refusal = body.length === 0 ? null : refuseOtherThanJson(contentType);
      if (refusal !== null) return refusal;
      const times = readRetryTimes(body, Math.ceil(clock.wallMs()));
      return isRefusal(times) ? times : { op: 'retry', times };
    },
  });
}
