/** What went in and out through NATS on the main thread, counted up where it happens and read when metrics are asked for. */
export interface NatsCounts {
  /** Messages of ingestion that were taken, those that came once more among them. */
  messages: number;
  /** Those that had been handed out before. */
  redelivered: number;
  /** Events by what became of them. */
  accepted: number;
  duplicates: number;
  rejected: number;
  /** Messages that were put back, since they could not be taken at the moment. */
  putBack: number;
  /** Changes that were published on the status subjects. */
  changesTold: number;
  /** Dead letters that are in their stream. */
  deadLetters: number;
}

export const noNatsCounts: NatsCounts = {
  messages: 0,
  redelivered: 0,
  accepted: 0,
  duplicates: 0,
  rejected: 0,
  putBack: 0,
  changesTold: 0,
  deadLetters: 0,
};

/** What metrics are made of. `states` by what a connection is for. */
export interface NatsFigures {
  readonly counts: Readonly<NatsCounts>;
  readonly states: Readonly<Record<string, { readonly isConnected: boolean; readonly reconnects: number }>>;
}
