/**
 * Asks this node's hosts on behalf of another node, and gathers what they answer.
 *
 * Each request gets a number of this node's own on its way through a `HostLink`, which bounds it, keeps it while a host is replaced and settles it if that host
 * dies; bodies are passed on as the bytes that they came as. What a stopping node refuses was not written: the other one is told to look for the next owner.
 *
 * Main thread.
 */
import type { HostReply } from '../../actor/replies.js';
import type { HostRequest, NumberedHostRequest, NumberedSheaf } from '../../actor/requests.js';
import type { EventView } from '../../event/view.js';
import type { EventStatus } from '../../event/status.js';
import type { PartitionId } from '../../kernel/brand.js';
import { EngineError, InvariantError } from '../../kernel/errors.js';
import { type EventId, parseEventId } from '../../kernel/event-id.js';
import { sheafEventsMax } from '../../kernel/limits.js';
import { idInSheaf } from '../../log/event-sheaf.js';
import type { HostLink, Unnumbered } from '../../router/host-link.js';
import { type DuplicateEvent, type NewEventsAsker, OpenSheaf } from '../../router/open-sheaf.js';

export interface PeerRelayParts {
  /** Null: this node does not take requests for the partition, or not yet. */
  linkOf(partition: PartitionId): Pick<HostLink, 'askFor' | 'forward'> | null;
  /** Later, once. */
  answer(replies: readonly HostReply[]): void;
}

export class PeerRelay {
  readonly #parts: PeerRelayParts;
  #replies: HostReply[] = [];
  /** Of new events that were accepted, the last one behind the other. */
  #run: { readonly op: 'accepted'; readonly request: number; count: number } | null = null;
  #isDue = false;

  constructor(parts: PeerRelayParts) {
    this.#parts = parts;
  }

  ask(requests: readonly HostRequest[]): void {
    for (const request of requests) {
      if (request.op === 'watch' || request.op === 'drain') continue;
      const link = this.#parts.linkOf(request.partition);
      if (link === null)
        this.#refuseAll(request, new EngineError('not-owner', `partition ${request.partition} is not this node's`));
      else if (request.op === 'schedule-sheaf') this.#askSheaf(link, request);
      else this.#askOne(link, request);
    }
  }

  #askOne(link: Pick<HostLink, 'askFor'>, { request, ...asked }: Exclude<NumberedHostRequest, { op: 'schedule-sheaf' }>): void {
    link.askFor(
      {
        answered: (reply) => this.reply({ ...reply, request }),
        refused: (error) => this.reply(refusal(request, error)),
      },
      asked as Unnumbered,
    );
  }

  #askSheaf(link: Pick<HostLink, 'forward'>, asked: NumberedSheaf): void {
    const { partition, count, events, again = false } = asked;
    const sheaf = new OpenSheaf(partition);
    const asker = new SheafOfPeer(asked, this);
    const bytes = Math.ceil(events.length / count);
    for (let place = 0; place < count; place++) sheaf.add(asker, place, bytes);
    link.forward({ events, again, sheaf });
  }

  #refuseAll(request: NumberedHostRequest, error: EngineError): void {
    const count = request.op === 'schedule-sheaf' ? request.count : 1;
    for (let at = 0; at < count; at++) this.reply(refusal(request.request + at, error));
  }

  /** Of a new event in a sheaf. Neighbours are answered together, as the host answered them; the first of a sheaf is no neighbour of the last of another one. */
  accepted(request: number): void {
    const run = this.#run;
    const isFirst = request % sheafEventsMax === 0;
    if (!isFirst && run !== null && run === this.#replies.at(-1) && run.request + run.count === request) {
      run.count++;
      return;
    }
    this.#run = { op: 'accepted', request, count: 1 };
    this.reply(this.#run);
  }

  reply(reply: HostReply): void {
    this.#replies.push(reply);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const replies = this.#replies;
      this.#replies = [];
      this.#parts.answer(replies);
    });
  }
}

class SheafOfPeer implements NewEventsAsker {
  readonly wantsViews: boolean;
  readonly #asked: NumberedSheaf;
  readonly #relay: PeerRelay;

  constructor(asked: NumberedSheaf, relay: PeerRelay) {
    this.wantsViews = asked.brief !== true;
    this.#asked = asked;
    this.#relay = relay;
  }

  accepted(place: number): void {
    this.#relay.accepted(this.#asked.request + place);
  }

  replayed(place: number, event: DuplicateEvent): void {
    const request = this.#asked.request + place;
    if (this.wantsViews) this.#relay.reply({ op: 'replayed', request, view: event as EventView });
    else this.#relay.reply({ op: 'duplicate', request, event: event.id, status: event.status });
  }

  kept(): void {
    throw new InvariantError('only a node that asks keeps events for the next owner');
  }

  refused(place: number, error: EngineError | InvariantError): void {
    this.#relay.reply(refusal(this.#asked.request + place, error));
  }

  eventAt(place: number): EventId {
    return idInSheaf(this.#asked.events, place);
  }
}

function refusal(request: number, error: EngineError | InvariantError): HostReply {
  if (!(error instanceof EngineError)) {
    return { op: 'refused', request, code: 'internal', detail: error.message, event: null, status: null };
  }
  const { code, message: detail, members, errors } = error;
  return {
    op: 'refused',
    request,
    code: code === 'stopping' ? 'not-owner' : code,
    detail,
    event: members.event_id === undefined ? null : parseEventId(members.event_id),
    status: (members.event_status ?? null) as EventStatus | null,
    errors,
  };
}
