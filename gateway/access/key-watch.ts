/**
 * Reads the file of keys again when it changes, so that a revoked key stops working without a restart.
 *
 * It looks once a second. Being told by the system instead would be quicker, and fails silently where key files live:
 * network file systems, and the folders of links by which orchestrators mount secrets.
 *
 * A file that cannot be used any more is reported and the keys stay as they were: a slip of an editor must not lock
 * everybody out, nor let anybody in.
 */
import { readFile, stat } from 'node:fs/promises';
import { StartError } from '../../engine/index.js';
import { parseKeyFile, readKeyFile, refuseUnbelievable, stampOf } from './key-file.js';
import { Keyring } from './keyring.js';

export interface KeyWatchOptions {
  readonly file: string;
  readonly logger: {
    info(fields: Readonly<Record<string, unknown>>, message: string): void;
    error(fields: Readonly<Record<string, unknown>>, message: string): void;
  };
  /** The keys are others than before. */
  readonly onChange: () => void;
}

export class KeyWatch {
  readonly keyring: Keyring;
  readonly #options: KeyWatchOptions;
  /** Of the state that was looked at last, good or bad. */
  #stamp = '';
  #looking = false;
  #isUnusable = false;

  /** Throws StartError. */
  constructor(options: KeyWatchOptions) {
    this.#options = options;
    this.keyring = new Keyring(readKeyFile(options.file));
  }

  /** What anybody may hear of it, so without its name or what is in it; null: all is well. */
  get fault(): string | null {
    return this.#isUnusable ? 'the file cannot be used, the log says why; keys known before stay in force' : null;
  }

  /** Never rejects. Does nothing while the look before is under way. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#lookOnce();
      this.#isUnusable = false;
    } catch (err) {
      const { code } = err as NodeJS.ErrnoException;
      const reason = err instanceof StartError ? err.message : `cannot read it (${code ?? String(err)})`;
      const stamp = `unusable ${reason}`;
      this.#isUnusable = true;
      if (this.#stamp !== stamp) this.#report(reason);
      this.#stamp = stamp;
    } finally {
      this.#looking = false;
    }
  }

  async #lookOnce(): Promise<void> {
    const { file, logger, onChange } = this.#options;
    const found = await stat(file);
    const stamp = stampOf(found);
    if (stamp === this.#stamp) return;
    refuseUnbelievable(file, found);
    const keys = parseKeyFile(file, await readFile(file, 'utf8'));
    const isFirst = this.#stamp === '';
    this.#stamp = stamp;
    this.keyring.replace(keys);
    if (!isFirst) logger.info({ component: 'gateway', file, keys: keys.length }, 'the API keys were read again');
    onChange();
  }

  #report(reason: string): void {
    const { file, logger } = this.#options;
    logger.error({ component: 'gateway', file, reason }, 'the API keys cannot be used: those known before stay in force');
  }
}
