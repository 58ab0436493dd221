/**
 * Who should own which partition, and who should stand by? A map that every node computes for itself and all compute alike.
 *
 * Rendezvous hashing gives each pair of partition and node a score, and a partition goes to the node that scores highest there: when a node comes or
 * goes, only its own partitions move. By itself it loads nodes unevenly, so a node takes at most its share, rounded up. Pairs are seated best score
 * first; a partition whose best node is full waits for its next one. No order of partitions or nodes matters, so nobody has to agree on one.
 *
 * A node's share follows its weight. The *standby* is who would own the partition if its owner were gone: the copy is kept where it will be needed.
 * Nodes are told apart by their name and not by their session, so that one that was restarted gets what it had.
 *
 * Safety does not rest on it: two nodes whose views differ for a moment settle it by the ownership markers.
 *
 * Arithmetic. A thousand partitions take a few milliseconds on ten nodes, some forty on fifty.
 */
import type { PartitionId } from '../../kernel/brand.js';
import { fnv1a32 } from '../../kernel/fnv1a.js';

export interface Candidate {
  readonly node: string;
  /** Above 0; twice the weight, twice the partitions. */
  readonly weight: number;
}

export interface Place {
  /** Null: there is no candidate. */
  readonly owner: string | null;
  /** Null: there is no second one. */
  readonly standby: string | null;
}

export class Placement {
  readonly #nodes: readonly string[];
  readonly #ranking: Ranking;
  readonly #places: readonly Place[];

  constructor(partitions: number, candidates: readonly Candidate[]) {
    this.#nodes = candidates.map(({ node }) => node);
    this.#ranking = rank(partitions, candidates);
    const weights = candidates.map(({ weight }) => weight);
    const owners = seat(this.#ranking, weights);
    const heirs = weights.map((_, gone) => seat(this.#ranking, weights.with(gone, 0)));
    this.#places = Array.from(owners, (owner, partition) => ({
      owner: this.#nodes[owner] ?? null,
      standby: this.#nodes[heirs[owner]?.[partition] ?? nobody] ?? null,
    }));
  }

  of(partition: PartitionId): Place {
    return this.#places[partition]!;
  }

  /** In which order nodes come for a partition that nobody owns: 0 is the owner, 1 the standby, then by score. */
  turnOf(partition: PartitionId, node: string): number {
    const { owner, standby } = this.#places[partition]!;
    if (node === owner) return 0;
    if (node === standby) return 1;
    const { scores } = this.#ranking;
    const row = partition * this.#nodes.length;
    const own = scores[row + this.#nodes.indexOf(node)] ?? 0;
    let turn = 2;
    this.#nodes.forEach((other, index) => {
      if (other !== owner && other !== standby && scores[row + index]! > own) turn++;
    });
    return turn;
  }
}

const nobody = -1;

/** Pairs of partition and node by number: `partition * nodes + node`. */
interface Ranking {
  readonly partitions: number;
  readonly nodes: number;
  readonly scores: Float64Array;
  /** All pairs, best score first. */
  readonly order: Uint32Array;
}

function rank(partitions: number, candidates: readonly Candidate[]): Ranking {
  const nodes = candidates.length;
  const scores = new Float64Array(partitions * nodes);
  candidates.forEach(({ node, weight }, index) => {
    const seed = fnv1a32(Buffer.from(node));
    for (let partition = 0; partition < partitions; partition++) {
      scores[partition * nodes + index] = scoreOf(mixed(seed ^ mixed(partition + 1)), weight);
    }
  });
  const order = Uint32Array.from(scores.keys());
  const nameOf = (pair: number): string => candidates[pair % nodes]!.node;
  order.sort((a, b) => scores[b]! - scores[a]! || (nameOf(a) < nameOf(b) ? -1 : 1));
  return { partitions, nodes, scores, order };
}

/** For each partition the number of its owner, or nobody. A node of weight 0 gets none. */
function seat({ partitions, nodes, order }: Ranking, weights: readonly number[]): Int32Array {
  const owners = new Int32Array(partitions).fill(nobody);
  const sum = weights.reduce((all, weight) => all + weight, 0);
  // Shares, rounded up: together at least as many as there are partitions.
  const room = weights.map((weight) => (sum === 0 ? 0 : Math.ceil((partitions * weight) / sum)));
  let unseated = sum === 0 ? 0 : partitions;
  for (let at = 0; unseated > 0; at++) {
    const pair = order[at]!;
    const node = pair % nodes;
    const partition = (pair - node) / nodes;
    if (owners[partition] !== nobody || room[node] === 0) continue;
    owners[partition] = node;
    room[node]!--;
    unseated--;
  }
  return owners;
}

/** Weighted rendezvous: of nodes with equal luck the heavier one scores higher, in proportion. */
function scoreOf(hash: number, weight: number): number {
  const luck = (hash + 0.5) / 2 ** 32;
  return weight / -Math.log(luck);
}

/** Spreads each bit over all 32 (the end of MurmurHash3): FNV-1a alone leaves names that differ in their last letter close to each other. */
function mixed(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
