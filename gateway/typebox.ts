/**
 * The only door to TypeBox: what describes a form, and what compiles it to a check.
 *
 * By `require`, as it comes as 200 small files: as many ES modules took 0.14 s of a start, this half of it.
 */
import { createRequire } from 'node:module';
import type * as typebox from '@sinclair/typebox';
import type * as compiler from '@sinclair/typebox/compiler';
import type * as errors from '@sinclair/typebox/errors';

export type { Static, TSchema } from '@sinclair/typebox';
export type { TypeCheck } from '@sinclair/typebox/compiler';
export type { ValueError } from '@sinclair/typebox/errors';

const require = createRequire(import.meta.url);

export const { Type } = require('@sinclair/typebox') as typeof typebox;
export const { TypeCompiler } = require('@sinclair/typebox/compiler') as typeof compiler;
export const { ValueErrorType } = require('@sinclair/typebox/errors') as typeof errors;
