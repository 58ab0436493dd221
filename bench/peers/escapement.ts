/** Escapement, both ways: embedded in this process, and a started one over HTTP as any producer reaches it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { createEngine, createLogger, defaultConfig, type WallMs } from '../../engine/index.js';
import { until } from '../../test/support/deadline.js';
import { scheduleAll } from '../lib/local-engine.js';
import { localSpec } from '../lib/sample-spec.js';
import { startEscapement, startReceiver } from '../lib/targets.js';
import { type Contestant, payloadFor } from './peer.js';

const readyMsMax = 20_000;
const connections = 64;

export const embedded: Contestant = {
  name: 'Escapement, embedded',
  durable: 'fsync',
  missing: () => null,
  start: async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'escapement-bench-'));
    let handle: (atMs: number) => void = () => undefined;
    const engine = await createEngine({
      config: defaultConfig({ dataDir }),
      logger: createLogger({ level: 'error', format: 'json', sink: process.stderr }),
      deliver: {
        sink: (batch) => {
          for (const { payload } of batch) handle((JSON.parse(Buffer.from(payload!).toString()) as { at: number }).at);
        },
      },
    });
    await until('the engine is ready', () => engine.health().status === 'ready', readyMsMax);
    const specFor = (atMs: number) =>
      localSpec({ scheduledAtMs: atMs as WallMs, payload: Buffer.from(JSON.stringify(payloadFor(atMs))) });
    return {
      insert: (atMs) => engine.schedule({ spec: specFor(atMs), timeGiven: true }),
      insertMany: (all) => scheduleAll(engine, all.map(specFor)),
      consume: async (handled) => {
        handle = handled;
      },
      stop: async () => {
        await engine.stop();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  },
};

/** Its events go out as webhooks to a receiver that counts them; the lag of those is what `webhook-delivery` measures. */
export const overHttp: Contestant = {
  name: 'Escapement, HTTP',
  durable: 'fsync',
  missing: () => null,
  start: async () => {
    const server = await startEscapement();
    const receiver = await startReceiver();
    const pool = new Pool(server.url, { connections, pipelining: 1 });
    const eventFor = (atMs: number) => ({
      destination: `${receiver.url}/hook`,
      scheduled_at: new Date(atMs).toISOString(),
      payload: payloadFor(atMs),
    });
    const post = async (path: string, body: object): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const answer = await pool.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`${path} was answered ${answer.statusCode}: ${text}`);
    };
    return {
      insert: (atMs) => post('/api/v1/events', eventFor(atMs)),
      insertMany: (all) => post('/api/v1/events/batch?results=errors', { events: all.map(eventFor) }),
      consume: () => Promise.reject(new Error('its webhooks go to another process')),
      stop: async () => {
        await pool.close();
        await server.stop();
        await receiver.stop();
      },
    };
  },
};
