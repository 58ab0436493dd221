/**
 * The thread that does webhooks, and one of them NATS: a long-lived task of a worker pool that ends when it is told to close. Shell only: it
 * builds a courier, hands it ports, and reports a few figures.
 */
import type { MessagePort } from 'node:worker_threads';
import { LeaseBoard } from '../kernel/lease-board.js';
import { natsOrigin } from '../event/origin.js';
import { LoopDelay, loopDelayPeriodMs } from '../kernel/loop-delay.js';
import { Rest } from '../kernel/rest.js';
import type { NatsAddress } from '../nats/nats-address.js';
import type { NatsLink } from '../nats/nats-link.js';
import type { CourierOptions } from './courier.js';
import { type CourierPorts, runCourierOn } from './courier-ports.js';
import type { Deliverer } from './deliverer.js';
import { createEgressPolicy, type EgressMode, parseEgressAllow } from './egress.js';
import { HttpDeliverer } from './http-deliverer.js';
import { NetworkedDeliverer } from './networked-deliverer.js';
import type { CourierControl, CourierNotice } from './protocol.js';
import { rehearseCourier } from './rehearsal.js';
import { Signer } from './signer.js';
import { SystemTiming } from './timing.js';

export interface CourierThreadOptions extends CourierOptions {
  readonly egress: EgressMode;
  /** As in `ESCAPEMENT_EGRESS_ALLOW`. */
  readonly egressAllow: string;
  /** `whsec_...` */
  readonly webhookSecrets: readonly string[];
  /** Of Escapement, for `user-agent`. */
  readonly version: string;
}

/** The courier that has the origin of NATS connects to it. */
export interface CourierNats {
  readonly address: NatsAddress;
  readonly name: string;
}

/** What the pool's task is started with; `workerPort` is in its transfer list. */
export interface CourierThreadData {
  readonly options: CourierThreadOptions;
  /** Null: not configured, or another courier's. */
  readonly nats: CourierNats | null;
  readonly workerPort: MessagePort;
  /** Of a cluster's lease board; null without a cluster. */
  readonly lease: SharedArrayBuffer | null;
}

/** The pool's task. Resolves after `close`; rejects when an invariant does not hold, and the pool brings a fresh thread. */
export async function runCourierThread({ options, nats, workerPort, lease }: CourierThreadData): Promise<void> {
  const timing = new SystemTiming();
  await rehearseCourier(options, timing);
  const http = new HttpDeliverer({
    policy: createEgressPolicy({ mode: options.egress, allow: parseEgressAllow(options.egressAllow) }),
    signer: new Signer(options.webhookSecrets),
    userAgent: `escapement/${options.version}`,
    attemptsInFlightMax: options.attemptsInFlightMax,
  });
  const post = nats === null ? null : await natsPost(nats);
  const link = post?.link ?? null;
  const deliverer = new NetworkedDeliverer({ http, nats: post?.deliverer ?? null });
  let fail: (error: unknown) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const ports = runCourierOn({
    options,
    deliverer,
    timing,
    lease: lease === null ? null : new LeaseBoard(lease),
    failed: (_host, error) => fail(error),
  });
  if (link === null) ports.courier.reach(natsOrigin, false);
  else followLink(link, { ports, workerPort });
  const stopFigures = sendFigures({ ports, timing, workerPort });
  try {
    await Promise.race([untilClosed(workerPort, ports), broken]);
  } finally {
    stopFigures();
    await ports.close();
    await link?.close();
    workerPort.close();
  }
}

function untilClosed(workerPort: MessagePort, ports: CourierPorts): Promise<void> {
  return new Promise((resolve, reject) => {
    workerPort.on('close', resolve);
    workerPort.on('message', (message: CourierControl) => {
      switch (message.op) {
        case 'attach':
          return ports.attach(message.host, message.port);
        case 'detach':
          return ports.detach(message.host);
        case 'ask':
          ports.courier
            .ask(message.question)
            .then((answer) => notify(workerPort, { op: 'answer', number: message.number, answer }), reject);
          return;
        case 'settings':
          return ports.courier.settingsTold(message);
        case 'settings-lost':
          return ports.courier.settingsLost(message.partition);
        case 'settings-forgotten':
          return ports.courier.forgetSettings();
        case 'share':
          return ports.courier.shareAmong(message.sharers);
        case 'drain':
          ports.drain(message.drainMs).then((left) => notify(workerPort, { op: 'drained', left }), reject);
          return;
        case 'close':
          return resolve();
      }
    });
  });
}

/** Loaded where there is a NATS to deliver to: its client takes 30 ms of the start of a thread. */
async function natsPost(nats: CourierNats): Promise<{ readonly link: NatsLink; readonly deliverer: Deliverer }> {
  const [{ NatsLink }, { NatsDeliverer }] = await Promise.all([import('../nats/nats-link.js'), import('./nats-deliverer.js')]);
  const link = new NatsLink(nats);
  return { link, deliverer: new NatsDeliverer(link) };
}

/** What waits for NATS waits without an attempt, and the main thread says so. */
function followLink(
  link: NatsLink,
  { ports, workerPort }: { readonly ports: CourierPorts; readonly workerPort: MessagePort },
): void {
  link.watch((state) => {
    ports.courier.reach(natsOrigin, state.isConnected);
    notify(workerPort, { op: 'nats', state });
  });
}

function sendFigures({
  ports,
  timing,
  workerPort,
}: {
  readonly ports: CourierPorts;
  readonly timing: SystemTiming;
  readonly workerPort: MessagePort;
}): () => void {
  let loopDelaysMs: number[] = [];
  const loopDelay = new LoopDelay({ clock: timing, note: (delayMs) => loopDelaysMs.push(Math.max(0, delayMs)) });
  const rest = new Rest();
  const timer = setInterval(() => {
    loopDelay.turn();
    timing.check();
    if (!rest.isOver(ports.courier.turns)) return;
    notify(workerPort, { op: 'figures', figures: { ...ports.courier.figures, loopDelaysMs } });
    loopDelaysMs = [];
  }, loopDelayPeriodMs);
  return () => clearInterval(timer);
}

function notify(workerPort: MessagePort, notice: CourierNotice): void {
  workerPort.postMessage(notice);
}
