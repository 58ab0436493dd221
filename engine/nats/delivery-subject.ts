/** What the reply subject of a message from a JetStream consumer says of it. */
export interface Delivery {
  /** Of the message in its stream. */
  readonly sequence: number;
  /** Of this delivery among all of the consumer, from 1: one that is missing was lost on its way. */
  readonly number: number;
  /** Messages that the consumer has yet to deliver. */
  readonly pending: number;
}

/** $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<sequence>.<number>.<instant>.<pending>[.<random>] */
export function deliveryOf(reply: string): Delivery {
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 5 : 7;
  return { sequence: Number(tokens[at]), number: Number(tokens[at + 1]), pending: Number(tokens[at + 3]) };
}
