/**
 * Memory in which answers are laid out, used again when they have left.
 *
 * An answer waits some milliseconds for the disk. Laid out in memory that nobody had used before, 50,000 of them a second are 55 MB of array
 * buffers for the collector, and bytes that no cache holds.
 *
 * Answers lie behind each other in blocks. A block begins anew when none of its answers is open. Whoever has not written an answer, as its client
 * has gone, need not give it back: its block is garbage some time, and never written over.
 */
import type { LaidOut } from './reply.js';

export class AnswerMemory {
  readonly #idle: AnswerBlock[] = [];
  #block = new AnswerBlock(this.#idle, 0);

  /** A block with room for so many bytes behind `end`; what is laid out there is open from now on. */
  blockFor(bytes: number): AnswerBlock {
    if (this.#block.end + bytes > this.#block.bytes.length) this.#next(bytes);
    this.#block.open();
    return this.#block;
  }

  #next(bytes: number): void {
    this.#block.leave();
    const idle = bytes > blockBytes ? undefined : this.#idle.pop();
    this.#block = idle ?? new AnswerBlock(this.#idle, bytes);
    this.#block.take();
  }
}

const blockBytes = 32 * 1024;
/** Of 256 connections all answers are in a third of them. */
const idleBlocksMax = 32;

/** One answer in a block. */
export class LaidOutAnswer implements LaidOut {
  readonly #block: AnswerBlock;
  readonly #from: number;
  readonly #bodyAt: number;
  readonly #end: number;

  constructor(
    block: AnswerBlock,
    { from, bodyAt, end }: { readonly from: number; readonly bodyAt: number; readonly end: number },
  ) {
    this.#block = block;
    this.#from = from;
    this.#bodyAt = bodyAt;
    this.#end = end;
  }

  head(): Uint8Array {
    return this.#block.viewOf(this.#from, this.#bodyAt);
  }

  body(): Uint8Array {
    return this.#block.viewOf(this.#bodyAt, this.#end);
  }

  giveBack(): void {
    this.#block.giveBack();
  }
}

export class AnswerBlock {
  readonly bytes: Buffer;
  readonly #memory: ArrayBufferLike;
  /** Behind the last answer. */
  end = 0;
  readonly #idle: AnswerBlock[];
  #openAnswers = 0;
  #isCurrent = true;

  constructor(idle: AnswerBlock[], bytes: number) {
    this.#idle = idle;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes));
    this.#memory = this.bytes.buffer;
  }

  /** A part of an answer. No Buffer, which would take three times as long to make. */
  viewOf(from: number, to: number): Uint8Array {
    return new Uint8Array(this.#memory, from, to - from);
  }

  open(): void {
    this.#openAnswers++;
  }

  /** Once for each answer, when nobody will look at its bytes any more. */
  giveBack(): void {
    this.#openAnswers--;
    if (this.#openAnswers > 0) return;
    this.end = 0;
    if (!this.#isCurrent) this.#rest();
  }

  /** Answers are laid out here from now on. */
  take(): void {
    this.#isCurrent = true;
  }

  leave(): void {
    this.#isCurrent = false;
    if (this.#openAnswers === 0) this.#rest();
  }

  #rest(): void {
    if (this.bytes.length === blockBytes && this.#idle.length < idleBlocksMax) this.#idle.push(this);
  }
}
