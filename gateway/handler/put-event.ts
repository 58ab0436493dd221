/**
 * `PUT /events/external/{external_job_id}`: the event of this name is created, or the pending one is replaced. The path says the name;
 * a body that says it too has to say the same.
 */
import { defaultSource, type EventSpec, type FieldError } from '../../engine/index.js';
import { refuseOtherThanJson } from '../http/media-type.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readContext } from '../input/event-context.js';
import { type NewName, readNewName } from '../input/new-name.js';
import { isRefusal, refuseFields } from '../input/refusal.js';
import { readWhole } from '../input/single-input.js';
import { readAsked, replyChanged } from './change-event.js';
import { renderAccepted } from './event-json.js';
import type { Answer, Services } from './services.js';

export async function putEvent(request: Request, services: Services): Promise<Answer> {
  const refusal = refuseOtherThanJson(request.contentType);
  if (refusal !== null) return refusal;
  const asked = readAsked(request, ['source']);
  if (isRefusal(asked)) return asked;
  // The path gives the event a key, so one in a header has no use here.
  const context = readContext({ idempotencyKey: null, traceparent: request.traceparent }, services);
  if (isRefusal(context)) return context;
  const event = readWhole(request.body, context);
  if (isRefusal(event)) return event;
  const name = readNewName(request.parameter, asked.query.get('source') ?? event.spec.source);
  if (isRefusal(name)) return name;
  const contradictions = contradictionsTo(name, event.spec);
  if (contradictions.length > 0) return refuseFields(contradictions);
  const spec = { ...event.spec, ...name };
  const result = await services.engine.put({ ...event, spec }, asked.condition);
  if (!result.created) return replyChanged(200, result.view);
  return replyJson(201, renderAccepted(spec, result), [
    ['Location', `/api/v1/events/${result.id}`],
    ['ETag', '"1"'],
  ]);
}

/** A source in the body that is the default one may as well have been left out. */
function contradictionsTo(name: NewName, spec: EventSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.externalJobId !== null && spec.externalJobId !== name.externalJobId)
    errors.push({ pointer: '/external_job_id', detail: 'must be the one of the path, or be left out' });
  if (spec.source !== defaultSource && spec.source !== name.source)
    errors.push({ pointer: '/source', detail: 'must be the one of the query parameter source, or be left out' });
  return errors;
}
