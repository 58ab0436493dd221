/**
 * Does another living process bear this node's id? Placement knows nodes by their ids, so two of one name get the share of one, and whoever looks at the
 * cluster cannot tell them apart. Two settings that were copied, or two copies of one data directory, come to that; it is said once, and shown as long as it lasts.
 *
 * A node that was killed and started again meets the session that it left behind. That is nobody: it is never renewed.
 *
 * Main thread.
 */
import type { Logger } from '../../observe/logger.js';
import type { Member, MemberMap } from './members.js';

export interface NamesakesParts {
  readonly nodeId: string;
  readonly members: Pick<MemberMap, 'alive' | 'isRenewed' | 'watch'>;
  /** Ours; null: none at the moment. */
  readonly session: () => string | null;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

export class Namesakes {
  readonly #parts: NamesakesParts;
  readonly #unwatch: () => void;
  #known: Member | null = null;

  constructor(parts: NamesakesParts) {
    this.#parts = parts;
    this.#unwatch = parts.members.watch(() => this.#look());
  }

  /** What there is to say; null: there is none. */
  get fault(): string | null {
    if (this.#known === null) return null;
    const { nodeId } = this.#parts;
    const where = this.#known.address === '' ? '' : ` at ${this.#known.address}`;
    return `another process${where} says that it is node ${nodeId}: give each an ESCAPEMENT_NODE_ID of its own`;
  }

  close(): void {
    this.#unwatch();
  }

  #look(): void {
    const { nodeId, members, session, logger } = this.#parts;
    const ours = session();
    // It stops, or was out for a moment: the session that it sees may be its own of just now.
    if (ours === null) return;
    const other = members.alive.find((member) => {
      return member.node === nodeId && member.session !== ours && members.isRenewed(member.session);
    });
    const wasAlone = this.#known === null;
    this.#known = other ?? null;
    if (other !== undefined && wasAlone)
      logger.warn({ node: nodeId, address: other.address }, 'two processes bear the id of this node');
    if (other === undefined && !wasAlone) logger.info({ node: nodeId }, 'the id of this node is its own again');
  }
}
