/**
 * The only door to TypeBox: what describes a form, and what compiles it to a check.
 *
 * It comes as 200 small files, a fifth of what a start cost the main thread, and most events are read without it (`input/bytes/plain-event.ts`). So it is
 * loaded when it is first asked for: by a form that is looked at (`form.ts`), or with the description of the API. By `require`, as ES modules they
 * took twice as long.
 */
import { createRequire } from 'node:module';
import type * as typebox from '@sinclair/typebox';
import type * as compiler from '@sinclair/typebox/compiler';
import type * as errors from '@sinclair/typebox/errors';

export type { Static, TSchema } from '@sinclair/typebox';
export type { TypeCheck } from '@sinclair/typebox/compiler';
export type { ValueError } from '@sinclair/typebox/errors';
export type TypeBuilder = typeof typebox.Type;

const require = createRequire(import.meta.url);

export const typeLibrary = () => require('@sinclair/typebox') as typeof typebox;
export const typeBuilder = (): TypeBuilder => typeLibrary().Type;
export const typeCompiler = () => (require('@sinclair/typebox/compiler') as typeof compiler).TypeCompiler;

let errorTypes: typeof errors.ValueErrorType | null = null;

/** Asked for each field that is refused: to find a package again takes Node 20 us and more. */
export function valueErrorTypes(): typeof errors.ValueErrorType {
  errorTypes ??= (require('@sinclair/typebox/errors') as typeof errors).ValueErrorType;
  return errorTypes;
}
