/**
 * The thread that does webhooks: a long-lived task of a worker pool that ends when it is told to close. Shell only: it
 * builds a courier, hands it ports, and reports a few figures.
 */
import type { MessagePort } from 'node:worker_threads';
import type { CourierOptions } from './courier.js';
import { type CourierPorts, runCourierOn } from './courier-ports.js';
import { createEgressPolicy, type EgressMode, parseEgressAllow } from './egress.js';
import { HttpDeliverer } from './http-deliverer.js';
import { LoopDelay } from './loop-delay.js';
import type { CourierControl, CourierNotice } from './protocol.js';
import { rehearseCourier } from './rehearsal.js';
import { Signer } from './signer.js';
import { SystemTiming } from './timing.js';

const figuresEveryMs = 250;

export interface CourierThreadOptions extends CourierOptions {
  readonly egress: EgressMode;
  /** As in `ESCAPEMENT_EGRESS_ALLOW`. */
  readonly egressAllow: string;
  /** `whsec_...` */
  readonly webhookSecrets: readonly string[];
  /** Of Escapement, for `user-agent`. */
  readonly version: string;
}

/** What the pool's task is started with; `workerPort` is in its transfer list. */
export interface CourierThreadData {
  readonly options: CourierThreadOptions;
  readonly workerPort: MessagePort;
}

/** The pool's task. Resolves after `close`; rejects when an invariant does not hold, and the pool brings a fresh thread. */
export async function runCourierThread({ options, workerPort }: CourierThreadData): Promise<void> {
  const timing = new SystemTiming();
  await rehearseCourier(options, timing);
  const deliverer = new HttpDeliverer({
    policy: createEgressPolicy({ mode: options.egress, allow: parseEgressAllow(options.egressAllow) }),
    signer: new Signer(options.webhookSecrets),
    userAgent: `escapement/${options.version}`,
    attemptsInFlightMax: options.attemptsInFlightMax,
  });
  let fail: (error: unknown) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const ports = runCourierOn({ options, deliverer, timing, failed: (_host, error) => fail(error) });
  const stopFigures = sendFigures({ ports, timing, workerPort });
  try {
    await Promise.race([untilClosed(workerPort, ports), broken]);
  } finally {
    stopFigures();
    await ports.close();
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
        case 'drain':
          ports.drain(message.drainMs).then((left) => notify(workerPort, { op: 'drained', left }), reject);
          return;
        case 'close':
          return resolve();
      }
    });
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
  const loopDelay = new LoopDelay();
  const timer = setInterval(() => {
    timing.check();
    notify(workerPort, { op: 'figures', figures: { ...ports.courier.figures, loopDelaysMs: loopDelay.take() } });
  }, figuresEveryMs);
  return () => {
    clearInterval(timer);
    loopDelay.stop();
  };
}

function notify(workerPort: MessagePort, notice: CourierNotice): void {
  workerPort.postMessage(notice);
}
