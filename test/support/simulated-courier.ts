/** The shell of a courier in the simulated world: the real core, virtual timers, wires instead of ports. */
import { Courier, type CourierOptions } from '../../engine/dispatch/courier.js';
import type { DestinationAnswer, DestinationQuestion } from '../../engine/dispatch/destination.js';
import type { CourierReply, CourierRequest } from '../../engine/dispatch/protocol.js';
import type { Timing } from '../../engine/dispatch/timing.js';
import type { MonoMs, WallMs } from '../../engine/kernel/brand.js';
import { type Respond, SimulatedDestinations } from './simulated-destinations.js';
import type { Onlooker } from './simulated-happenings.js';
import type { Scheduler } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';
import type { Wire } from './simulated-wire.js';

export interface SimulatedCourierParts {
  /** Another one after every restart. */
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly options: CourierOptions;
  readonly respond: Respond;
  readonly onlooker: Onlooker;
}

export class SimulatedCourier {
  readonly name: string;
  readonly destinations: SimulatedDestinations;
  readonly #courier: Courier;
  readonly #parts: SimulatedCourierParts;
  readonly #hosts = new Map<number, Wire<CourierReply>>();
  /** Who waits for an answer. */
  readonly #gone: (() => void)[] = [];
  #isGone = false;

  constructor(parts: SimulatedCourierParts) {
    const { name, options } = parts;
    this.name = name;
    this.#parts = parts;
    this.destinations = new SimulatedDestinations({ ...parts, courier: name });
    this.#courier = new Courier({
      options,
      deliverer: this.destinations,
      timing: this.#timing(),
      send: (host, replies) => this.#hosts.get(host)?.sendBatch(replies),
    });
  }

  get taken(): number {
    return this.#courier.taken;
  }

  /** `wire` leads to the host. One under the same number is replaced. */
  attach(host: number, wire: Wire<CourierReply>): void {
    if (this.#hosts.has(host)) this.detach(host);
    this.#hosts.set(host, wire);
  }

  detach(host: number): void {
    this.#hosts.delete(host);
    this.#carefully(() => this.#courier.hostGone(host));
  }

  receive(host: number, request: CourierRequest): void {
    if (request.op === 'start') this.destinations.handedOver(request.attempt);
    this.#carefully(() => this.#courier.receive(host, [request]));
  }

  /** What the main thread asks of it. Rejects when it dies before it has answered. */
  ask(question: DestinationQuestion): Promise<DestinationAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) reject(new Error('the courier is gone'));
      this.#gone.push(() => reject(new Error('the courier is gone')));
      this.#carefully(() => void this.#courier.ask(question).then(resolve, reject));
    });
  }

  /** Calls `done` with how many attempts still run. */
  drain(drainMs: number, done: (left: number) => void): void {
    this.#carefully(() => void this.#courier.drain(drainMs).then(done));
  }

  vanish(): void {
    this.#isGone = true;
    this.#parts.scheduler.touchesPromises();
    for (const tell of this.#gone.splice(0)) tell();
    this.destinations.vanish();
    for (const wire of this.#hosts.values()) wire.cut();
  }

  #timing(): Timing {
    const { scheduler, weather } = this.#parts;
    return {
      wallMs: () => scheduler.wall as WallMs,
      monoMs: () => scheduler.now as MonoMs,
      after: (delayMs, task) =>
        scheduler.after(Math.max(1, Math.ceil(delayMs)) + weather.timerLateMs(), '', () => this.#carefully(task)),
      soon: (task) => scheduler.after(weather.turnMs(), '', () => this.#carefully(task)),
    };
  }

  #carefully(work: () => void): void {
    if (this.#isGone) return;
    this.#parts.scheduler.touchesPromises();
    try {
      work();
    } catch (error) {
      this.#parts.onlooker({ what: 'died', part: `courier ${this.name}`, error: error as Error });
    }
  }
}
