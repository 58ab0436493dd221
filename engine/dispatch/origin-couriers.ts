/**
 * Who makes attempts at origins, as whoever asks about origins sees it: the couriers of this node, or those of all nodes of a cluster.
 */
import type { Destination, DestinationQuestion } from './destination.js';

type About<Subject extends DestinationQuestion['about']> = Omit<Extract<DestinationQuestion, { about: Subject }>, 'about'>;

export type OriginAsked = About<'one'>;
export type OriginPageAsked = About<'page'>;

export interface OriginCouriers {
  /** Resolves when what is set is in force with all of them. Null: nobody knows what is set for it. Rejects with EngineError. */
  one(asked: OriginAsked): Promise<Destination | null>;
  /** The first `limit` whose names come behind `after`, sorted by name. Null: not all of what is set is known. Rejects with EngineError. */
  page(asked: OriginPageAsked): Promise<readonly Destination[] | null>;
}
