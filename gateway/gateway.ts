/**
 * Puts the front doors together, HTTP and NATS (`nats-services.ts`): who may ask (`access/`), what is asked (`calls.ts`), what is watched (`ws/`), who may connect (`connections.ts`),
 * and the server that carries all of it.
 */
import { type Clock, type Engine, inStep, type Logger, type Role, SystemClock, version } from '../engine/index.js';
import { Gatekeeper } from './access/gatekeeper.js';
import { KeyWatch } from './access/key-watch.js';
import { Calls } from './calls.js';
import { addressOf, urlOf } from './address.js';
import { Connections } from './connections.js';
import type { Services } from './handler/services.js';
import { DestinationCheck } from './input/fields/destination.js';
import { censusAgeMsMax, connectionsMax, connectionsPerAddressMax, keyFileAgeMsMax, streamPatienceMs } from './limits.js';
import { GatewayHealth } from './gateway-health.js';
import { MemoryGauge } from './memory-gauge.js';
import { linuxCensus } from './peer-census.js';
import { routes } from './routes.js';
import { Server } from './server.js';
import { EventDesk } from './stream/event-session.js';
import type { NatsServices, NatsServicesParts } from './nats-services.js';
import { type Repeat, StreamDesk } from './ws/stream-session.js';

export interface GatewayOptions {
  readonly engine: Engine;
  readonly config: {
    /** An engine has no front door: it is asked for health and metrics, takes nothing in over NATS, and tells there of what it owns. */
    readonly role: Role;
    readonly host: string;
    /** 0: any free one. */
    readonly port: number;
    readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
    /** The file of API keys. Null: anybody may do anything. */
    readonly apiKeys: string | null;
  };
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly clock?: Clock;
  /** Over all; fewer than usual where the process may open few files. */
  readonly connections?: number;
  readonly connectionsPerAddress?: number;
  readonly streamPatienceMs?: number;
}

export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** Stops listening, lets requests under way finish, closes every connection. To be called before the engine stops. */
  close(): Promise<void>;
}

/** A request waits for an fsync or two, so this is long. */
const closeGraceMs = 5_000;

/** Throws StartError when it cannot listen. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { engine, config, logger } = options;
  const systemClock = new SystemClock();
  const clock = options.clock ?? systemClock;
  const report = (err: unknown, requestId?: string): void =>
    logger.error({ component: 'gateway', err, requestId }, 'a request met a defect');
  const destinations = new DestinationCheck((type, destination) => engine.checkDestination(type, destination));
  const pacing = {
    repeat: repeatEvery,
    monoMs: () => clock.monoMs(),
    patienceMs: options.streamPatienceMs ?? streamPatienceMs,
  };
  const keys =
    config.apiKeys === null ? null : new KeyWatch({ file: config.apiKeys, logger, onChange: () => server.recheckStreams() });
  const gatekeeper = new Gatekeeper({ keyring: keys?.keyring ?? null, monoMs: () => clock.monoMs() });
  const memory = new MemoryGauge({
    monoMs: () => clock.monoMs(),
    changed: (isShort, reading) => {
      const fields = { component: 'gateway', ...reading };
      if (isShort) logger.error(fields, 'memory is short: new events are refused');
      else logger.info(fields, 'memory is no longer short');
    },
  });
  const services: Services = {
    engine,
    clock,
    health: new GatewayHealth({ engine, memory, keys }),
    destinations,
    eventStreams: new EventDesk({ engine, ...pacing }),
    description: describedOnce(),
  };
  const isEngine = config.role === 'engine';
  const calls = new Calls({ services, gatekeeper, memory, isEngine, report });
  const stream = new StreamDesk({ engine, ...pacing, report });
  let port = 0;
  const connections = new Connections({
    limits: {
      total: Math.min(connectionsMax, options.connections ?? connectionsMax),
      perAddress: options.connectionsPerAddress ?? connectionsPerAddressMax,
      censusAgeMs: censusAgeMsMax,
    },
    census: linuxCensus(() => port),
    monoMs: () => clock.monoMs(),
  });
  const server: Server = new Server({ ...config, calls, stream, connections });
  port = await server.listen();
  const url = urlOf(config, port);
  engine.listensAt(addressOf(config, port));
  const natsServices =
    engine.nats === null
      ? null
      : await startNatsServices({
          engine,
          nats: engine.nats,
          clock,
          destinations,
          isShort: () => memory.isShort,
          takesIn: !isEngine,
          logger,
        });
  const stopClock = repeatEvery(1_000, () => void systemClock.check());
  const stopWatch = keys === null ? () => undefined : repeatEvery(keyFileAgeMsMax, () => void keys.look());
  return {
    url,
    port,
    async close() {
      calls.stop();
      await natsServices?.close(closeGraceMs);
      stopClock();
      stopWatch();
      await server.close(closeGraceMs);
    },
  };
}

/** Loaded where NATS is configured only: with its client it is 70 ms of a start. */
async function startNatsServices(parts: NatsServicesParts): Promise<NatsServices> {
  const { NatsServices } = await import('./nats-services.js');
  return new NatsServices(parts);
}

/** Few ever ask for it, so what it is made of is loaded when somebody does. */
function describedOnce(): () => Promise<string> {
  let made: Promise<string> | null = null;
  const describe = async (): Promise<string> => {
    const [{ describeApi }, { operations }] = await Promise.all([import('./api/openapi.js'), import('./api/operations.js')]);
    return describeApi({ version, routes, operations });
  };
  return () => {
    made ??= describe();
    return made;
  };
}

/** Keeps no process alive. */
const repeatEvery: Repeat = (everyMs, action) => {
  return inStep(everyMs, action);
};
