/**
 * Puts the front door together: what is asked (`calls.ts`), what is watched (`ws/`), who may connect (`connections.ts`),
 * and the server that carries all of it.
 */
import { type Clock, type Engine, SystemClock } from '../engine/index.js';
import { Calls } from './calls.js';
import { Connections } from './connections.js';
import type { Services } from './handler/services.js';
import { DestinationCheck } from './input/destination.js';
import { censusAgeMsMax, connectionsMax, connectionsPerAddressMax } from './limits.js';
import { linuxCensus } from './peer-census.js';
import { Server } from './server.js';
import { type Repeat, StreamDesk } from './ws/stream-session.js';

export interface GatewayOptions {
  readonly engine: Engine;
  readonly config: {
    readonly host: string;
    /** 0: any free one. */
    readonly port: number;
    readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
  };
  readonly logger: { error(fields: Readonly<Record<string, unknown>>, message: string): void };
  readonly clock?: Clock;
  readonly connectionsPerAddress?: number;
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
  const services: Services = { engine, clock, destinations };
  const calls = new Calls({ services, report });
  const stream = new StreamDesk({ engine, repeat: repeatEvery, monoMs: () => clock.monoMs(), report });
  let port = 0;
  const connections = new Connections({
    limits: {
      total: connectionsMax,
      perAddress: options.connectionsPerAddress ?? connectionsPerAddressMax,
      censusAgeMs: censusAgeMsMax,
    },
    census: linuxCensus(() => port),
    monoMs: () => clock.monoMs(),
  });
  const server = new Server({ ...config, calls, stream, connections });
  port = await server.listen();
  const stopClock = repeatEvery(1_000, () => void systemClock.check());
  return {
    url: `${config.tls === null ? 'http' : 'https'}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    port,
    async close() {
      calls.stop();
      stopClock();
      await server.close(closeGraceMs);
    },
  };
}

/** Keeps no process alive. */
const repeatEvery: Repeat = (everyMs, action) => {
  const timer = setInterval(action, everyMs);
  timer.unref();
  return () => clearInterval(timer);
};
