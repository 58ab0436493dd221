/**
 * How many nodes make attempts: each of them takes its share of what an origin allows.
 *
 * Those are all that take partitions, and those that hand theirs over and have not ended yet. A node counts itself in any case. Two nodes may count
 * differently for a moment, when one has come or gone; while one that has just gone is counted, less is let through than is allowed.
 *
 * Main thread.
 */
import type { PartitionId } from '../../kernel/brand.js';
import type { Member, MemberMap } from '../membership/members.js';
import type { KnownOwners } from '../peers/peers.js';

export interface AttemptSharesParts {
  readonly partitions: number;
  readonly members: { readonly alive: readonly Pick<Member, 'node' | 'session' | 'weight'>[] } & Pick<MemberMap, 'watch'>;
  readonly owners: KnownOwners;
  tell(sharers: number): void;
}

export class AttemptShares {
  readonly #parts: AttemptSharesParts;
  readonly #unwatch: readonly (() => void)[];
  #isDue = false;
  #isClosed = false;
  #told = 1;

  constructor(parts: AttemptSharesParts) {
    this.#parts = parts;
    this.#unwatch = [parts.members.watch(() => this.#countSoon()), parts.owners.watch(() => this.#countSoon())];
    this.#countSoon();
  }

  close(): void {
    this.#isClosed = true;
    for (const unwatch of this.#unwatch) unwatch();
  }

  /** Of many partitions that move together each one is news. */
  #countSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (!this.#isClosed) this.#count();
    });
  }

  #count(): void {
    const { partitions, members, owners, tell } = this.#parts;
    const owning = new Set<string>();
    for (let partition = 0; partition < partitions; partition++) {
      const owner = owners.of(partition as PartitionId);
      if (owner !== null && !owner.released) owning.add(owner.session);
    }
    // Of one node, sessions that end and begin are one.
    const nodes = new Set<string>();
    for (const { node, session, weight } of members.alive) if (weight > 0 || owning.has(session)) nodes.add(node);
    const sharers = Math.max(1, nodes.size);
    if (sharers === this.#told) return;
    this.#told = sharers;
    tell(sharers);
  }
}
