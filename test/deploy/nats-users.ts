/** A nats-server with the users and permissions of `docs/deploy/nats/`, and connections as each of them. */
import { readFileSync } from 'node:fs';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Test } from 'tap';
import { connectNats, type NatsServer, startNats } from '../support/nats-server.js';

export const natsFolder = 'docs/deploy/nats';
const users = ['operator', 'engine', 'gateway', 'producer'] as const;
export type NatsUser = (typeof users)[number];

const routes = ['nats-1', 'nats-2', 'nats-3'].map((name) => `nats://route:secret@${name}:6222`);

/** As compose and Kubernetes set it. The password of a user is `<user>Secret`. */
export const natsEnvironment: Readonly<Record<string, string>> = {
  NATS_NAME: 'nats-1',
  NATS_ROUTES: JSON.stringify(routes),
  NATS_ROUTE_PASSWORD: 'secret',
  ...Object.fromEntries(users.map((user) => [`NATS_${user.toUpperCase()}_PASSWORD`, `${user}Secret`])),
};

export interface NatsWithUsers {
  readonly nats: NatsServer;
  /** Its address for one of them. */
  as(user: NatsUser): string;
  connect(user: NatsUser): Promise<NatsConnection>;
  /** What it has refused since the start. */
  violations(): readonly string[];
}

/** Stopped with the test. */
export async function startNatsWithUsers(t: Test): Promise<NatsWithUsers> {
  const permissions = readFileSync(`${natsFolder}/permissions.conf`, 'utf8');
  const nats = await startNats(t, { config: permissions, login: 'operator:operatorSecret@', env: natsEnvironment });
  const as = (user: NatsUser) => `nats://${user}:${user}Secret@127.0.0.1:${nats.port}`;
  return {
    nats,
    as,
    connect: (user) => connectNats(t, as(user)),
    violations: () => nats.log.filter((line) => line.includes('Violation')),
  };
}
