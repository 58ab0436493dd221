/**
 * Specs that requests need before they can be decided: those asked for in one turn are one question to the reader for each partition.
 *
 * A message that is handed out once more repeats a hundred events at a time. A question, an answer and a read for each of them cost a hundred
 * times what one costs.
 */
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import type { ReaderReply } from '../../log/protocol.js';
import type { Reads } from '../reads.js';

/** In one question: with the largest payloads that is an answer of 16 MiB. */
const seqsMax = 64;

/** In the order asked, or why all of them could not be read. Those of `damaged` are empty. */
export type BodiesRead = Extract<ReaderReply, { readonly op: 'bodies' | 'failed' }>;

interface Asked {
  readonly seqs: readonly Sequence[];
  readonly take: (read: BodiesRead) => void;
}

export class GatheredBodies {
  readonly #reads: Pick<Reads, 'ask'>;
  readonly #asked = new Map<PartitionId, Asked[]>();

  constructor(reads: Pick<Reads, 'ask'>) {
    this.#reads = reads;
  }

  /** As `bodies` of the reader, with the end of the turn. */
  ask(partition: PartitionId, asked: Asked): void {
    const others = this.#asked.get(partition);
    if (others === undefined) this.#asked.set(partition, [asked]);
    else others.push(asked);
  }

  /** End of a turn. */
  flush(): void {
    if (this.#asked.size === 0) return;
    for (const [partition, asked] of this.#asked) {
      for (let from = 0; from < asked.length; ) {
        let to = from + 1;
        for (let seqs = asked[from]!.seqs.length; to < asked.length; to++) {
          seqs += asked[to]!.seqs.length;
          if (seqs > seqsMax) break;
        }
        this.#askTogether(partition, asked.slice(from, to));
        from = to;
      }
    }
    this.#asked.clear();
  }

  #askTogether(partition: PartitionId, asked: readonly Asked[]): void {
    const seqs = asked.flatMap((each) => each.seqs);
    this.#reads.ask({ op: 'bodies', partition, seqs }, (reply) => {
      if (reply.op !== 'bodies' && reply.op !== 'failed') throw new InvariantError(`expected bodies, found ${reply.op}`);
      let at = 0;
      for (const each of asked) {
        const end = at + each.seqs.length;
        each.take(reply.op === 'failed' ? reply : partOf(reply, each.seqs, reply.bodies.slice(at, end)));
        at = end;
      }
    });
  }
}

/** One damaged row fails only those who have asked for it. */
function partOf(
  { op, tag, damaged }: Extract<BodiesRead, { readonly op: 'bodies' }>,
  seqs: readonly Sequence[],
  bodies: readonly Uint8Array[],
): BodiesRead {
  return { op, tag, bodies, damaged: damaged.length === 0 ? damaged : damaged.filter((seq) => seqs.includes(seq)) };
}
