/**
 * A log that is not what was written. `damaged`: one record, and only its own read fails. `broken`: the log contradicts
 * itself or its mark, and the partition must stop instead of going on with a guess. `gone`: no damage; what was asked for has
 * outlived the retention.
 */
import { InvariantError, UnknownFormatError } from '../kernel/errors.js';
import { storageFaultOf } from './sqlite.js';

export type DamageScope = 'damaged' | 'broken' | 'gone';

export class DamageError extends InvariantError {
  readonly scope: DamageScope;

  constructor(scope: DamageScope, detail: string) {
    super(detail);
    this.scope = scope;
  }
}

/** No damage: a file as it was written, in a format that this version does not read. Whoever would mend it must leave it alone. */
export class LogFormatError extends DamageError {
  constructor(detail: string) {
    super('broken', detail);
  }
}

/** What is there is not what was written; so whoever has it elsewhere had better take that. */
export function isDamaged(error: unknown): boolean {
  if (error instanceof LogFormatError || error instanceof UnknownFormatError) return false;
  return error instanceof DamageError || storageFaultOf(error) === 'damaged';
}

/**
 * What a read that threw says to its asker; `scope` is what damage that SQLite itself noticed, or a format of a later version,
 * means to this read.
 * Rethrows what is neither damage nor an error of a file: that is a bug, and ends the thread.
 */
export function readFailureOf(
  error: unknown,
  scope: DamageScope,
): { readonly failure: DamageScope | 'io'; readonly detail: string } {
  if (error instanceof DamageError) return { failure: error.scope, detail: error.message };
  if (error instanceof UnknownFormatError) return { failure: scope, detail: error.message };
  const fault = storageFaultOf(error);
  if (fault === null || !(error instanceof Error)) throw error;
  return { failure: fault === 'damaged' ? scope : 'io', detail: error.message };
}
