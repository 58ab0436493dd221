/** What another system is asked to do beside Escapement: take events for a moment, one by one and many at once, and hand them out then. */
export interface Peer {
  /** Resolves when the system says that it has it. Every other way in would be another bench. */
  insert(atMs: number): Promise<unknown>;
  /** In whatever form the system has for many. */
  insertMany(atMs: readonly number[]): Promise<unknown>;
  /** From now on each event is handed to a handler in this process, with the moment it was for. */
  consume(handled: (atMs: number) => void): Promise<void>;
  stop(): Promise<void>;
}

export interface Contestant {
  readonly name: string;
  /** What "has it" means there. */
  readonly durable: 'fsync' | 'a second later' | 'minutes later';
  /** Null when it can be started; else what is missing, and how to get it. */
  missing(): string | null;
  /** On fresh data. */
  start(): Promise<Peer>;
}

/** Some of each, as a payments team would send it: the moment for the receiver, and about two hundred bytes. */
export function payloadFor(atMs: number): { readonly at: number } {
  return { at: atMs, ...filling };
}

const filling = { order_id: 'order-1234567', amount_cents: 12_345, currency: 'EUR', attempt: 3, note: 'x'.repeat(100) };
