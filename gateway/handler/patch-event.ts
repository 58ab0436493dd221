/** `PATCH /events/{id}`, also by external id: what is named changes, the rest stays. */
import { refuseOtherThanMergePatch } from '../http/media-type.js';
import { readPatch } from '../input/patch-input.js';
import { isRefusal } from '../input/refusal.js';
import { changing, type Naming } from './change-event.js';
import type { Handler } from './services.js';

export function patchEvent(naming: Naming): Handler {
  return changing(naming, {
    read: ({ contentType, body }, { clock }) => {
      const refusal = refuseOtherThanMergePatch(contentType);
      if (refusal !== null) return refusal;
      const patch = readPatch(body, Math.ceil(clock.wallMs()));
      return isRefusal(patch) ? patch : { op: 'patch', patch };
    },
  });
}
