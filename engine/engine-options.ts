/** What an engine is made from: the configuration, and what a program that embeds it brings along. */
import type { Config } from './config.js';
import type { LocalHandler } from './dispatch/local-deliverer.js';
import type { LogOptions } from './log/protocol.js';
import type { Logger } from './observe/logger.js';

/** What an engine needs of the configuration. */
export type EngineConfig = Pick<
  Config,
  | 'dataDir'
  | 'partitions'
  | 'actorThreads'
  | 'durability'
  | 'retentionDays'
  | 'webhookSecrets'
  | 'egress'
  | 'egressAllow'
  | 'originConcurrency'
  | 'breaker'
  | 'recoveryRate'
  | 'replayWindow'
  | 'nats'
  | 'role'
  | 'cluster'
>;

export interface EngineOptions {
  readonly config: EngineConfig;
  readonly logger: Logger;
  /** Handlers for `delivery_type: LOCAL`, by the name that events give as their destination. */
  readonly deliver?: Readonly<Record<string, LocalHandler>>;
  /** How the log is kept, for tests of small segments and full disks. */
  readonly snapshotRecords?: number;
  /** Instead of the days of the configuration, for tests that cannot wait for days. */
  readonly retentionMs?: number;
  readonly log?: Partial<
    Pick<LogOptions, 'segmentBytesMax' | 'segmentAgeMsMax' | 'walBytesMax' | 'freeBytesMin' | 'ballastBytes' | 'pagesMax'>
  >;
}
