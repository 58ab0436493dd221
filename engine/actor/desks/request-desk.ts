/**
 * Requests of one partition, from the mailbox to their answers.
 *
 * A request is decided at once when memory is enough. When it is about something that memory does not hold, it is parked under
 * its key while the reader fetches the facts, and decided with them; requests under the same key wait behind it, so that they
 * are decided in the order in which they came.
 */
import { tagOfKey } from '../../event/content.js';
import { type LogRecord, recordKinds } from '../../event/record.js';
import { specIn } from '../../event/renewal-codec.js';
import { SpecHead } from '../../event/spec-codec.js';
import type { Handle } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import { type EventId, formatEventId } from '../../kernel/event-id.js';
import { keepPayloadMs } from '../../kernel/limits.js';
import type { Answer, Decision, Facts, Needs, Request } from '../../partition/command.js';
import { RecordCursor } from '../../log/record-batch.js';
import { decide } from '../../partition/decide.js';
import { decideInPlace } from '../../partition/decide-keyed.js';
import type { Answers } from './answers.js';
import { fetchFacts, isFailure, questionOf, type ReadFailure } from './facts.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger } from '../ledger/ledger.js';
import { type NumberedRequest, Parking, type ParkingKey } from './parking.js';
import { NewStretch } from './new-stretch.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Payloads } from '../payloads.js';
import type { NumberedSheaf } from '../requests.js';
import type { Timekeeper } from '../firing/timekeeper.js';

export interface RequestDeskParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
  readonly payloads: Payloads;
}

interface Asked extends NumberedRequest {
  /** Null until they are needed and have come. */
  readonly facts: Facts | null;
}

export class RequestDesk {
  readonly #parts: RequestDeskParts;
  readonly #memory: PartitionMemory;
  readonly #parking = new Parking();
  readonly #head = new SpecHead();

  constructor(parts: RequestDeskParts) {
    this.#parts = parts;
    this.#memory = parts.memory;
  }

  get parked(): number {
    return this.#parking.size;
  }

  receive(asked: NumberedRequest): void {
    const { request } = asked;
    const command = this.#byItsId(asked.command);
    const key = this.#parking.size === 0 ? null : this.#parkingKey(command);
    if (key !== null && this.#parking.isTaken(key)) this.#parking.park(key, { request, command });
    else this.#decide({ request, command, facts: null });
  }

  /**
   * New events. Those that are certainly new, as nearly all are, are decided where they lie, and what is decided together is written,
   * held and answered together; the others go the way of every request.
   */
  receiveSheaf({
    request,
    events,
    again = false,
    told = false,
    brief = false,
  }: Omit<NumberedSheaf, 'op' | 'partition' | 'count'>): void {
    const { state } = this.#memory;
    const cursor = new RecordCursor(events);
    let stretch: NewStretch | null = null;
    for (let number = request; cursor.next(); number++) {
      if (again || this.#mayNotPass(cursor) || !decideInPlace(state, cursor)) {
        stretch?.close();
        stretch = null;
        const command = { op: 'schedule', event: cursor.event.slice(), body: cursor.body.slice(), again, told, brief } as const;
        this.receive({ request: number, command });
        continue;
      }
      stretch ??= new NewStretch(this.#parts, { cursor, request: number });
      stretch.add(cursor);
    }
    stretch?.close();
  }

  /** What is asked about an alias is asked about its event. */
  #byItsId(command: Request): Request {
    const { aliases } = this.#memory.state;
    if (aliases.size === 0 || command.op === 'schedule' || command.op === 'put' || command.op === 'find') return command;
    const event = aliases.eventOf(command.event);
    return event === command.event ? command : { ...command, event };
  }

  /** Another request under the same key waits for facts. */
  #mayNotPass(cursor: RecordCursor): boolean {
    if (this.#parking.size === 0) return false;
    const key = this.#parkingKey({ op: 'schedule', event: cursor.event, body: cursor.body });
    return key !== null && this.#parking.isTaken(key);
  }

  /** Those that wait for facts; nothing has been decided about them. */
  takeParked(): NumberedRequest[] {
    return this.#parking.clear();
  }

  #decide(asked: Asked): void {
    const decision = this.#tryDeciding(asked);
    if (decision === null) return;
    const { needs, found, answer } = decision;
    if (needs !== null) this.#park(asked, needs);
    else if (found !== null) this.#passOn(asked, found);
    else if (answer !== null) this.#settle(asked, decision, answer);
  }

  /** Deciding changes nothing, so a request that cannot be decided harms nobody: it is refused with the reason. */
  #tryDeciding({ request, command, facts }: Asked): Decision | null {
    try {
      return decide(this.#memory.state, command, { now: this.#parts.shared.ports.clock.wallMs(), facts });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#parts.answers.refuse(request, 'internal', `the request cannot be decided: ${reason}`);
      return null;
    }
  }

  /** The event that was meant is known by its id now: as if that had been asked for. */
  #passOn({ request, command }: Asked, event: EventId): void {
    if (command.op !== 'find') throw new InvariantError(`an event was found by ${command.op}`);
    this.receive({ request, command: { ...command.about, event } });
  }

  #settle({ request, command }: Asked, { records, alias }: Decision, answer: Answer): void {
    const { ledger, answers, timekeeper } = this.#parts;
    const event = command.op === 'find' ? null : command.event;
    const waitedFor = event === null ? null : timekeeper.reasonToWait(event);
    let changed: Handle | null = null;
    for (const record of records) changed = this.write(record);
    if (alias !== null) ledger.writeAside(alias);
    // A change takes it out of its queue. If it is due all the same it stands there again as soon as the change is durable.
    const waitingFor = changed === null || timekeeper.isDue(changed) ? waitedFor : null;
    ledger.hold({
      happen: (decidedAt) => {
        answers.send(request, answer, waitingFor);
        if (changed !== null) timekeeper.armIfUnchanged(changed, decidedAt);
      },
      voided: (loss) => answers.refuseUndone(request, { command, ...loss }),
    });
  }

  /**
   * From now on nothing of the event as it was before can start. Returns the row of an event that is to be armed as it is now; null:
   * it has finished, or an attempt runs and goes on.
   */
  write(record: LogRecord): Handle | null {
    const { ledger, payloads, timekeeper } = this.#parts;
    const { state } = this.#memory;
    const before = record.kind === recordKinds.accepted ? null : state.handleOf(record.event);
    if (before !== null && record.kind !== recordKinds.retriesStopped) timekeeper.withdraw(before);
    const handle = ledger.write(record);
    const { columns } = state;
    if (!columns.isLive(handle) || columns.status(handle) === 'DISPATCHED') return null;
    const spec = specIn(record);
    if (spec !== null && columns.dueAtMs(handle) - record.at <= keepPayloadMs) payloads.keep(handle, spec);
    return handle;
  }

  /** The same for the cancel of a pending event, one of very many: nobody waits for it alone. */
  cancelOfMany(handle: Handle, record: LogRecord): void {
    const { ledger, timekeeper } = this.#parts;
    timekeeper.withdraw(handle);
    ledger.writeOfMany(record);
  }

  /** The reader sees what is durable, so it is asked when everything that led to the question is. */
  #park({ request, command }: Asked, needs: Needs): void {
    const { ledger, shared } = this.#parts;
    const { memory } = this.#parts;
    const key = this.#parkingKey(command);
    if (key === null) throw new InvariantError('facts are needed for an event without a key');
    this.#parking.park(key, { request, command });
    const question = questionOf(needs, memory.state);
    ledger.hold({
      happen: () =>
        fetchFacts(question, shared, (facts) => {
          if (!memory.isDiscarded) this.#unpark(key, facts);
        }),
      // It is still parked, and will be decided by the memory that follows.
      voided: () => undefined,
    });
  }

  /** Facts for the first one parked under `key` have come; those behind it are decided afresh, in order. */
  #unpark(key: ParkingKey, facts: Facts | ReadFailure): void {
    const [first, ...behind] = this.#parking.empty(key);
    if (first === undefined) throw new InvariantError(`facts for ${key}, under which nothing is parked`);
    if (isFailure(facts)) this.#parts.answers.refuseRead(first.request, facts);
    else this.#decide({ ...first, facts });
    for (const request of behind) this.receive(request);
  }

  /** What a request is parked under; null for an event without a key, which can repeat nothing. */
  #parkingKey(command: Request): ParkingKey | null {
    switch (command.op) {
      case 'schedule':
      case 'put': {
        if (!SpecHead.isReadable(command.body)) return null;
        const { tagHigh, tagLow } = this.#head.at(command.body);
        if (tagHigh !== 0 || tagLow !== 0) return `key:${tagHigh}:${tagLow}`;
        return command.op === 'schedule' && command.again === true ? `event:${formatEventId(command.event)}` : null;
      }
      case 'find': {
        const { high, low } = tagOfKey(command.key);
        return `key:${high}:${low}`;
      }
      default:
        return `event:${formatEventId(command.event)}`;
    }
  }
}
