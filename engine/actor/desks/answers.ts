/** Turns what was decided into replies: reads the event where an answer shows one, words refusals. */
import { isFinished, type WaitReason } from '../../event/status.js';
import type { PartitionId } from '../../kernel/brand.js';
import type { ErrorCode } from '../../kernel/errors.js';
import type { EventId } from '../../kernel/event-id.js';
import type { Answer, Request } from '../../partition/command.js';
import type { ReadFailure } from './facts.js';
import type { Reads } from '../reads.js';
import type { HostReply } from '../replies.js';

export class Answers {
  readonly #partition: PartitionId;
  readonly #reads: Reads;
  readonly #reply: (reply: HostReply) => void;

  constructor({ partition, reads, reply }: { partition: PartitionId; reads: Reads; reply: (reply: HostReply) => void }) {
    this.#partition = partition;
    this.#reads = reads;
    this.#reply = reply;
  }

  /** `count` requests, numbered from `request` on. */
  accepted(request: number, count = 1): void {
    this.#reply({ op: 'accepted', request, count });
  }

  /** To be called when the position at which `answer` was decided is durable: the reader sees no more than that. */
  send(request: number, answer: Answer, waitingFor: WaitReason | null): void {
    switch (answer.op) {
      case 'accepted':
        this.accepted(request);
        return;
      case 'refused':
      case 'duplicate':
        this.#reply({ request, ...answer });
        return;
      case 'history':
        this.#reads.ask({ op: 'history', partition: this.#partition, newest: answer.newest }, (reply) => {
          if (reply.op === 'history') this.#reply({ op: 'history', request, entries: reply.entries });
          else if (reply.op === 'failed') this.refuseRead(request, reply);
        });
        return;
      case 'event':
      case 'replayed': {
        const { op } = answer;
        this.#reads.ask({ op: 'view', partition: this.#partition, newest: answer.newest }, (reply) => {
          if (reply.op === 'failed') this.refuseRead(request, reply);
          if (reply.op !== 'view') return;
          const { view } = reply;
          this.#reply({ op, request, view: { ...view, waitingFor: isFinished(view.status) ? null : waitingFor } });
        });
      }
    }
  }

  /** All of a sheaf. */
  refuseSheaf(request: number, count: number, { code, detail }: { readonly code: ErrorCode; readonly detail: string }): void {
    for (let number = request; number < request + count; number++) this.refuse(number, code, detail);
  }

  refuse(request: number, code: ErrorCode, detail: string): void {
    this.#reply({ op: 'refused', request, code, detail, event: null, status: null });
  }

  /** It was decided, but the log did not take it. A read has changed nothing, so it may simply be repeated. */
  refuseUndone(request: number, { command, code, detail }: { command: Request; code: ErrorCode; detail: string }): void {
    const isWrite = command.op !== 'get' && command.op !== 'history' && command.op !== 'find';
    // What was put may be there already, under another id.
    const isNamed = isWrite && command.op !== 'put' && code === 'outcome-unknown';
    const event: EventId | null = isNamed ? command.event : null;
    this.#reply({ op: 'refused', request, code: isWrite ? code : 'partition-unavailable', detail, event, status: null });
  }

  /** One damaged row fails only its own read. */
  refuseRead(request: number, { failure, detail }: ReadFailure): void {
    if (failure === 'gone') this.refuse(request, 'not-found', 'the event has outlived the retention');
    else this.refuse(request, failure === 'damaged' ? 'record-damaged' : 'partition-unavailable', detail);
  }
}
