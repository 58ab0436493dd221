/**
 * What is set for origins, in one partition: from the request to its answer, and what couriers are told of all of it.
 *
 * An answer leaves, and a courier hears, when the record is durable.
 */
import type { SettingsRow } from '../../event/origin-settings.js';
import { decideSettings, type SettingsRequest } from '../../partition/decide-settings.js';
import type { Answers } from './answers.js';
import type { HostShared } from '../host-shared.js';
import type { Ledger } from '../ledger/ledger.js';
import type { PartitionMemory } from '../partition-memory.js';

export interface SettingsDeskParts {
  readonly memory: PartitionMemory;
  readonly shared: HostShared;
  readonly answers: Answers;
  readonly ledger: Ledger;
}

export class SettingsDesk {
  readonly #parts: SettingsDeskParts;

  constructor(parts: SettingsDeskParts) {
    this.#parts = parts;
  }

  receive(request: number, asked: SettingsRequest): void {
    const { memory, shared, answers, ledger } = this.#parts;
    const { record, row, refused } = decideSettings(memory.state, asked, shared.ports.clock.wallMs());
    if (record !== null) ledger.writeAside(record);
    ledger.hold({
      happen: () => {
        if (refused === null) shared.ports.reply({ op: 'settings', request, row: plain(row) });
        else answers.refuse(request, 'invalid', refused);
        if (record !== null && shared.ports.lease !== null)
          shared.ports.notify({ op: 'settings-changed', partition: memory.state.partition });
      },
      // Asking again changes nothing that is so already, so nobody has to find out first.
      voided: ({ code, detail }) => answers.refuse(request, code === 'disk-full' ? code : 'partition-unavailable', detail),
    });
  }

  /** To whoever tells the couriers of other nodes. */
  show(request: number): void {
    const { memory, shared, answers, ledger } = this.#parts;
    const rows = memory.state.settings.rows().map(plain);
    ledger.hold({
      happen: (position) => shared.ports.reply({ op: 'settings-kept', request, position, rows }),
      voided: ({ detail }) => answers.refuse(request, 'partition-unavailable', detail),
    });
  }

  /** Couriers may grant slots at the origins whose settings are kept here from now on. `courier`: it alone is told. */
  tell(courier: number | null): void {
    const { memory, shared, ledger } = this.#parts;
    const { partition, settings } = memory.state;
    const rows = settings.rows().map(plain);
    ledger.hold({
      happen: (position) => shared.desk.tellSettings({ op: 'settings', partition, position, rows }, courier),
      voided: () => undefined,
    });
  }
}

/** Without where it is kept. */
function plain({ origin, version, settings }: SettingsRow): SettingsRow {
  return { origin, version, settings };
}
