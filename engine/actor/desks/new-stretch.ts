/**
 * New events of a sheaf that were decided one behind the other: written in one piece, heard of together when they are durable.
 *
 * A closure, an entry of the outbox, a reply and a look at the clock for each event made a third of what the host paid for it.
 */
import type { Handle, MonoMs, Sequence } from '../../kernel/brand.js';
import { eventIdBytes } from '../../kernel/event-id.js';
import { keepPayloadMs } from '../../kernel/limits.js';
import type { RecordCursor } from '../../log/record-batch.js';
import type { Answers } from './answers.js';
import type { HostShared } from '../host-shared.js';
import type { Consequence, Ledger, Loss } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';
import type { Payloads } from '../payloads.js';
import type { Timekeeper } from '../firing/timekeeper.js';

export interface NewStretchParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly ledger: Ledger;
  readonly timekeeper: Timekeeper;
  readonly payloads: Payloads;
}

export class NewStretch implements Consequence {
  readonly #parts: NewStretchParts;
  /** Number of the first one. */
  readonly #request: number;
  readonly #now: MonoMs;
  readonly #first: Sequence;
  /** What they came in, up to `close`: kept until they are durable it would outlive young collections, and only a full one gives it back. */
  #bytes: Uint8Array;
  readonly #from: number;
  #to: number;
  readonly #handles: Handle[] = [];
  /** Where in `#bytes` their ids are. */
  #idsAt: number[] = [];
  /** One behind the other, from `close` on. */
  #ids = nothing;

  /** `cursor` stands on the first one. */
  constructor(parts: NewStretchParts, { cursor, request }: { readonly cursor: RecordCursor; readonly request: number }) {
    this.#parts = parts;
    this.#request = request;
    this.#now = parts.shared.ports.clock.monoMs();
    this.#first = cursor.seq;
    this.#bytes = cursor.bytes;
    this.#from = cursor.startAt;
    this.#to = cursor.startAt;
  }

  /** The one under the cursor, which follows the last one; true from now on. */
  add(cursor: RecordCursor): void {
    const { memory, ledger, payloads } = this.#parts;
    const handle = ledger.enter(cursor, this.#now);
    this.#to = cursor.endAt;
    this.#handles.push(handle);
    this.#idsAt.push(cursor.eventAt);
    if (memory.state.columns.dueAtMs(handle) - cursor.at <= keepPayloadMs) payloads.keep(handle, cursor.body);
  }

  /** No more will follow. */
  close(): void {
    const { ledger } = this.#parts;
    ledger.append(this.#bytes, { from: this.#from, to: this.#to, first: this.#first, count: this.#handles.length });
    this.#ids = idsIn(this.#bytes, this.#idsAt);
    this.#bytes = nothing;
    this.#idsAt = [];
    ledger.hold(this);
  }

  happen(): void {
    const { answers, timekeeper, memory } = this.#parts;
    const { columns } = memory.state;
    const handles = this.#handles;
    answers.accepted(this.#request, handles.length);
    const now = this.#parts.shared.ports.clock.wallMs();
    for (let at = 0; at < handles.length; at++) {
      // Meanwhile it may have been cancelled, and its row may be another's.
      if (columns.newestSeq(handles[at]!) === this.#first + at) timekeeper.arm(handles[at]!, now);
    }
  }

  voided(loss: Loss): void {
    for (let at = 0; at < this.#handles.length; at++) {
      const event = this.#ids.slice(at * eventIdBytes, (at + 1) * eventIdBytes);
      const command = { op: 'schedule', event, body: nothing } as const;
      this.#parts.answers.refuseUndone(this.#request + at, { command, ...loss });
    }
  }
}

const nothing = new Uint8Array(0);

function idsIn(bytes: Uint8Array, places: readonly number[]): Uint8Array<ArrayBuffer> {
  const ids = new Uint8Array(places.length * eventIdBytes);
  let end = 0;
  for (const from of places) for (let byte = 0; byte < eventIdBytes; byte++) ids[end++] = bytes[from + byte]!;
  return ids;
}
