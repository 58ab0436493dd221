/**
 * Who sets things for origins: the main thread's part (`engine/destination-desk.ts`, the real one) between simulated wires.
 *
 * What is asked of a part that dies is refused, as its link and its crew would do in production.
 */
import { CrewCouriers } from '../../engine/crew-couriers.js';
import { type DestinationChange, DestinationDesk } from '../../engine/destination-desk.js';
import type { HostReply } from '../../engine/actor/replies.js';
import type { HostRequest } from '../../engine/actor/requests.js';
import type { DestinationAnswer, DestinationQuestion } from '../../engine/dispatch/destination.js';
import type { PartitionId } from '../../engine/kernel/brand.js';
import { EngineError } from '../../engine/kernel/errors.js';
import type { SimulatedCourier } from './simulated-courier.js';
import type { Onlooker, Setting } from './simulated-happenings.js';
import { SimulatedLink } from './simulated-link.js';
import type { Scheduler } from './simulated-time.js';
import type { Weather } from './simulated-weather.js';

export interface SimulatedOperatorParts {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly partitions: number;
  readonly couriers: number;
  readonly courier: (number: number) => SimulatedCourier | null;
  /** Over the wire to the host that owns the partition; false while it is down. */
  readonly send: (partition: PartitionId, request: HostRequest) => boolean;
  readonly onlooker: Onlooker;
  /** Couriers are told that nothing is paused. */
  readonly pausesIgnored: boolean;
}

/** Producers count from 1. */
const firstRequest = 1_000_000_000;

export class SimulatedOperator {
  readonly #parts: SimulatedOperatorParts;
  readonly #desk: DestinationDesk;
  readonly #link: SimulatedLink;
  #unanswered = 0;

  constructor(parts: SimulatedOperatorParts) {
    this.#parts = parts;
    this.#link = new SimulatedLink(firstRequest, parts);
    this.#desk = new DestinationDesk({
      partitions: parts.partitions,
      couriers: new CrewCouriers({
        size: parts.couriers,
        ask: (courier, question) => this.#askCourier(courier, question),
      }),
      ask: (partition, request) => this.#link.ask(partition, request),
    });
  }

  /** Settings that nobody has answered yet. */
  get open(): number {
    return this.#unanswered;
  }

  configure(origin: string, change: DestinationChange): Setting {
    const { scheduler, onlooker } = this.#parts;
    const setting: Setting = { origin, change, outcome: null };
    const ended = (outcome: 'set' | 'refused') => {
      this.#unanswered--;
      setting.outcome = outcome;
      scheduler.note(`${origin}: ${JSON.stringify(change)} is ${outcome}`);
      onlooker({ what: 'set', setting });
    };
    this.#unanswered++;
    onlooker({ what: 'setting', setting });
    scheduler.touchesPromises();
    void this.#desk.configure(origin, change).then(
      () => ended('set'),
      (error: unknown) => {
        if (!(error instanceof EngineError)) scheduler.fail(error as Error);
        ended('refused');
      },
    );
    return setting;
  }

  replied(reply: HostReply): void {
    this.#link.replied(reply);
  }

  /** Partitions whose host is gone. */
  lost(partitions: readonly PartitionId[]): void {
    this.#link.lost(partitions);
  }

  #askCourier(number: number, question: DestinationQuestion): Promise<DestinationAnswer> {
    const { scheduler, weather, courier } = this.#parts;
    const asked = this.#sabotaged(question);
    return new Promise((resolve, reject) => {
      const settle = (work: () => void) => {
        scheduler.after(weather.messageMs(), '', () => {
          scheduler.touchesPromises();
          work();
        });
      };
      const gone = () => settle(() => reject(new EngineError('partition-unavailable', 'its courier is gone')));
      scheduler.after(weather.messageMs(), '', () => {
        const found = courier(number);
        if (found === null) gone();
        else found.ask(asked).then((answer) => settle(() => resolve(answer)), gone);
      });
    });
  }

  #sabotaged(question: DestinationQuestion): DestinationQuestion {
    if (!this.#parts.pausesIgnored || question.about !== 'one' || question.row === null) return question;
    return { ...question, row: { ...question.row, settings: { ...question.row.settings, paused: false } } };
  }
}
