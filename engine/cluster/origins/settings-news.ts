/**
 * The couriers of this node know what partitions of other nodes keep of settings for origins.
 *
 *     another owner, a fresh conversation with it, it tells of a change, a fresh courier --> ask the owner --> tell the couriers
 *                                                                                              | nobody can be asked for a while
 *                                                                                              +--> tell them that, ask again later
 *
 * A partition is asked at most once at a time; news that comes meanwhile has it asked once more, so the last answer is at least as new as the last news. What
 * this node serves its hosts tell by themselves, when they begin to serve it.
 *
 * Main thread.
 */
import type { SettingsTold } from '../../dispatch/protocol.js';
import type { PartitionId } from '../../kernel/brand.js';
import { EngineError, InvariantError } from '../../kernel/errors.js';
import { settingsAgainMs } from '../../kernel/limits.js';
import type { PartitionLink } from '../../router/host-link.js';

export interface SettingsNewsParts {
  readonly partitions: number;
  linkOf(partition: PartitionId): Pick<PartitionLink, 'ask'>;
  /** Another node owns it. */
  isElsewhere(partition: PartitionId): boolean;
  tell(told: SettingsTold): void;
  /** Nobody tells what this one keeps: what its neighbour has copies of counts, until somebody does. */
  lost(partition: PartitionId): void;
}

type Asking = 'asking' | 'to be asked again';

export class SettingsNews {
  readonly #parts: SettingsNewsParts;
  readonly #asking = new Map<PartitionId, Asking>();
  readonly #retries = new Map<PartitionId, NodeJS.Timeout>();
  #isClosed = false;

  constructor(parts: SettingsNewsParts) {
    this.#parts = parts;
  }

  /** There is news of its owner, or of the conversation with it. */
  ownerChanged(partition: PartitionId): void {
    if (this.#parts.isElsewhere(partition)) this.changed(partition);
  }

  /** It keeps something else than before. */
  changed(partition: PartitionId): void {
    if (this.#asking.has(partition)) this.#asking.set(partition, 'to be asked again');
    else void this.#ask(partition);
  }

  /** Somebody knows nothing yet. */
  askAll(): void {
    for (let partition = 0; partition < this.#parts.partitions; partition++) this.ownerChanged(partition as PartitionId);
  }

  close(): void {
    this.#isClosed = true;
    for (const retry of this.#retries.values()) clearTimeout(retry);
    this.#retries.clear();
  }

  async #ask(partition: PartitionId): Promise<void> {
    if (this.#isClosed) return;
    clearTimeout(this.#retries.get(partition));
    this.#retries.delete(partition);
    this.#asking.set(partition, 'asking');
    const isTold = await this.#askOnce(partition);
    const isToBeAskedAgain = this.#asking.get(partition) === 'to be asked again';
    this.#asking.delete(partition);
    if (isToBeAskedAgain) void this.#ask(partition);
    else if (!isTold) this.#askLater(partition);
  }

  async #askOnce(partition: PartitionId): Promise<boolean> {
    const { linkOf, tell, lost } = this.#parts;
    try {
      const reply = await linkOf(partition).ask({ op: 'settings-of', partition });
      if (reply.op !== 'settings-kept') throw new InvariantError(`what is kept of settings was answered with ${reply.op}`);
      if (!this.#isClosed) tell({ partition, position: reply.position, rows: reply.rows });
      return true;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (!this.#isClosed) lost(partition);
      return false;
    }
  }

  #askLater(partition: PartitionId): void {
    if (this.#isClosed) return;
    // Also of one that is this node's own meanwhile: its host may have told the couriers before they were told that nobody does.
    const retry = setTimeout(() => this.changed(partition), settingsAgainMs);
    retry.unref();
    this.#retries.set(partition, retry);
  }
}
