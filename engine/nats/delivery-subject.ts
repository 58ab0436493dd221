/** What the reply subject of a message from a JetStream consumer says of it. */
export interface Delivery {
  /** Of this message by the consumer, from 1. */
  readonly deliveries: number;
  /** Of the message in its stream. */
  readonly sequence: number;
  /** Of this delivery among all of the consumer, from 1: one that is missing was lost on its way. */
  readonly number: number;
  /** When the stream stored the message: nanoseconds since the epoch, as the server wrote them. */
  readonly storedAtNanos: string;
  /** Messages that the consumer has yet to deliver. */
  readonly pending: number;
}

/** $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<sequence>.<number>.<instant>.<pending>[.<random>] */
export function deliveryOf(reply: string): Delivery {
  const tokens = reply.split('.');
  const at = tokens.length === 9 ? 4 : 6;
  return {
    deliveries: Number(tokens[at]),
    sequence: Number(tokens[at + 1]),
    number: Number(tokens[at + 2]),
    storedAtNanos: tokens[at + 3]!,
    pending: Number(tokens[at + 4]),
  };
}
