/**
 * What an operator asks about destinations, and sets for them. The main thread's part: it puts together what partitions keep
 * and what couriers know.
 *
 *     PATCH: home partition decides, its record is durable --> copy in the second partition, durable --> couriers have
 *            put it in force --> answer
 *
 * So what was answered survives a crash, and a pause that was answered is followed by no further start. Everything can be
 * repeated: a change that is already so writes nothing.
 */
import type { Destination } from './dispatch/destination.js';
import type { OriginCouriers } from './dispatch/origin-couriers.js';
import { isStandardSecret } from './dispatch/signer.js';
import { type OriginChange, placeOfOrigin, type SettingsRow } from './event/origin-settings.js';
import type { PartitionId } from './kernel/brand.js';
import { EngineError, InvariantError } from './kernel/errors.js';
import type { Accepted, Unnumbered } from './router/host-link.js';

export interface DestinationChange extends OriginChange {
  /** The circuit is closed, as if nothing had ever failed there. */
  readonly closeBreaker?: boolean;
}

/** Sorted by origin. */
export interface DestinationPage {
  readonly data: readonly Destination[];
  readonly hasMore: boolean;
}

export interface DestinationDeskParts {
  readonly partitions: number;
  readonly couriers: OriginCouriers;
  ask(partition: PartitionId, request: Unnumbered): Promise<Accepted>;
}

export class DestinationDesk {
  readonly #parts: DestinationDeskParts;

  constructor(parts: DestinationDeskParts) {
    this.#parts = parts;
  }

  async page({ after, limit }: { readonly after: string; readonly limit: number }): Promise<DestinationPage> {
    // One more than asked for tells whether there are more.
    const page = await this.#parts.couriers.page({ after, limit: limit + 1 });
    const all = page ?? notRead('not all partitions, which keep the settings, have been read');
    return { data: all.slice(0, limit), hasMore: all.length > limit };
  }

  one(origin: string): Promise<Destination> {
    return this.#look(origin, { row: null, closeBreaker: false });
  }

  /** Resolves when it is durable and in force. */
  async configure(origin: string, { closeBreaker = false, ...change }: DestinationChange): Promise<Destination> {
    refuseBadSecret(change.secret ?? null);
    const row = Object.keys(change).length === 0 ? null : await this.#keep(origin, change);
    return this.#look(origin, { row, closeBreaker });
  }

  async #keep(origin: string, change: OriginChange): Promise<SettingsRow> {
    const { home, second } = placeOfOrigin(origin, this.#parts.partitions);
    const row = rowOf(await this.#parts.ask(home, { op: 'configure', partition: home, origin, change }));
    if (second === null) return row;
    try {
      const { version, settings } = row;
      rowOf(await this.#parts.ask(second, { op: 'keep-copy', partition: second, origin, version, settings }));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // What is decided holds all the same, and is in force from now on.
      await this.#look(origin, { row, closeBreaker: false });
      const detail = `it is set, but its copy in partition ${second} could not be written, so repeat it later: ${error.message}`;
      throw new EngineError('partition-unavailable', detail);
    }
    return row;
  }

  async #look(origin: string, what: { readonly row: SettingsRow | null; readonly closeBreaker: boolean }): Promise<Destination> {
    const { home } = placeOfOrigin(origin, this.#parts.partitions);
    const shown = await this.#parts.couriers.one({ origin, ...what });
    return shown ?? notRead(`partition ${home}, which keeps the settings of ${origin}, has not been read`);
  }
}

function notRead(detail: string): never {
  throw new EngineError('partition-unavailable', detail);
}

function rowOf(reply: Accepted): SettingsRow {
  if (reply.op !== 'settings') throw new InvariantError(`settings were answered with ${reply.op}`);
  return reply.row;
}

function refuseBadSecret(secret: string | null): void {
  if (secret === null || secret.split(',').every(isStandardSecret)) return;
  const detail = 'must be one or several secrets of the form whsec_<base64> with 24 to 64 bytes, separated by commas';
  throw new EngineError('invalid', `secret ${detail}`, { errors: [{ pointer: '/secret', detail }] });
}
