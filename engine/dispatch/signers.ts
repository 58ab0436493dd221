/** Who signs for an origin: its own secrets if it has any, else the global ones. */
import { originSettingsMax } from '../kernel/limits.js';
import { Signer } from './signer.js';

export class Signers {
  readonly #usual: Signer;
  /** By the secret as it was set; making one costs more than signing with it. */
  readonly #own = new Map<string, Signer>();

  constructor(usual: Signer) {
    this.#usual = usual;
  }

  of(secret: string | null): Signer {
    if (secret === null) return this.#usual;
    const known = this.#own.get(secret);
    if (known !== undefined) return known;
    const signer = new Signer(secret.split(','));
    if (this.#own.size >= originSettingsMax) this.#own.clear();
    this.#own.set(secret, signer);
    return signer;
  }
}
