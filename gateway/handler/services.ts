/** What handlers work with. */
import type { Clock, Engine } from '../../engine/index.js';
import type { GatewayHealth } from '../gateway-health.js';
import type { Reply } from '../http/reply.js';
import type { Request } from '../http/request.js';
import type { DestinationCheck } from '../input/fields/destination.js';
import type { Refusal } from '../input/refusal.js';
import type { EventDesk } from '../stream/event-session.js';
import type { AnswerToCome } from './answer-to-come.js';

export interface Services {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Of engine and gateway. */
  readonly health: Pick<GatewayHealth, 'now'>;
  readonly destinations: DestinationCheck;
  readonly eventStreams: EventDesk;
  /** Of the whole API, as OpenAPI. */
  readonly description: () => Promise<string>;
}

/** A refusal becomes a problem document; a rejection with EngineError too; any other is a defect and answers 500. */
export type Answer = Reply | Refusal;
export type Handler = (request: Request, services: Services) => Answer | Promise<Answer> | AnswerToCome;
