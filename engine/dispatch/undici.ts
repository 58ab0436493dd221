/**
 * The parts of undici that couriers use: a connection, and what opens its socket.
 *
 * Taken from their own files: the package as a whole also brings `fetch`, caches, cookies, WebSockets and mocks, 90 modules that cost each
 * courier's thread 60 ms of its start. `test/dispatch/undici.test.ts` notices when an update moves them.
 */
import type * as undici from 'undici';
import { require } from '../kernel/commonjs.js';

export type Client = undici.Client;
export const Client = require('undici/lib/dispatcher/client.js') as typeof undici.Client;

export const buildConnector = require('undici/lib/core/connect.js') as typeof undici.buildConnector;
