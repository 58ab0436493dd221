/**
 * `POST /events`: one event.
 *
 * The body is read, the event encoded and handed on, and the answer written before this returns; it leaves when the event is durable.
 * So nothing of the request but these bytes has to outlive it, and the collector of garbage finds nearly all of it dead.
 */
import { type EventView, PlainSpec, type ScheduledEvents, type SheetAsked, SpecSheet } from '../../engine/index.js';
import { refuseOtherThanJson } from '../http/media-type.js';
import { readQuery } from '../http/query.js';
import { type Reply, replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { readContext } from '../input/event-context.js';
import { isRefusal } from '../input/refusal.js';
import { readSingle } from '../input/single-input.js';
import { replyAccepted, replyAcceptedPlain } from './accepted-answer.js';
import { AnswerToCome } from './answer-to-come.js';
import { renderAccepted, renderView } from './event-json.js';
import type { Answer, Services } from './services.js';

const sheet = new SpecSheet();

export function scheduleEvent(request: Request, { engine, clock, destinations }: Services): Answer | AnswerToCome {
  const refusal = refuseOtherThanJson(request.contentType);
  if (refusal !== null) return refusal;
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const context = readContext(request, { clock, destinations });
  if (isRefusal(context)) return context;
  sheet.clear();
  const spec = readSingle(request.body, { context, sheet });
  if (isRefusal(spec)) return spec;
  const answer = new NewEventAnswer();
  const events = engine.scheduleSheet(sheet, answer);
  const partition = events.partitionAt(0);
  answer.reply =
    spec instanceof PlainSpec
      ? replyAcceptedPlain(spec, { requestId: request.requestId, ids: events.ids, idAt: 0, partition })
      : replyAccepted(events.idAt(0), renderAccepted(spec, { id: events.idAt(0), partition }));
  return answer;
}

/** Settled by what the engine says of the event. */
class NewEventAnswer extends AnswerToCome implements SheetAsked {
  readonly wantsViews = true;
  /** If it is new. */
  reply: Reply | null = null;

  settled(events: ScheduledEvents): void {
    const other = events.otherAt(0);
    if (events.isKept(0)) this.settle(replyJson(202, `{"id":"${events.idAt(0)}","status":"ACCEPTED"}`, location(events)));
    else if (other === null) this.settle(this.reply!);
    else this.settle(other instanceof Error ? other : replayed(events.viewAt(0)));
  }
}

function replayed(view: EventView): Reply {
  return replyJson(200, renderView(view), [
    ['ETag', `"${view.version}"`],
    ['Idempotent-Replayed', 'true'],
  ]);
}

function location(events: ScheduledEvents): Reply['headers'] {
  return [['Location', `/api/v1/events/${events.idAt(0)}`]];
}
