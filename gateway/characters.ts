/**
 * Texts of bounded length, counted in characters as JSON Schema and most languages count them: Unicode code points. An emoji is one or more
 * of them, where `length` counts its UTF-16 units. TypeBox bounds a string by its `length`, so this is a kind of its own.
 */
import { type TSchema, type TypeBuilder, typeLibrary } from './typebox.js';

export interface TextBounds {
  readonly minLength?: number;
  readonly maxLength: number;
  /** A regular expression that all of it matches. */
  readonly pattern?: string;
  readonly description: string;
}

const kind = 'Characters';

/** Shows as a string with these bounds in a schema. */
export function text(type: TypeBuilder, bounds: TextBounds) {
  const { Kind, TypeRegistry } = typeLibrary();
  if (!TypeRegistry.Has(kind)) TypeRegistry.Set<TSchema & TextBounds>(kind, isWithin);
  return type.Unsafe<string>({ ...bounds, [Kind]: kind, type: 'string' });
}

/** Whether it has more characters than `max`. Looks at no more of them than it must. */
export function isLonger(value: string, max: number): boolean {
  if (value.length <= max) return false;
  if (value.length > 2 * max) return true;
  let characters = 0;
  for (const _ of value) if (++characters > max) return true;
  return false;
}

const patterns = new Map<string, RegExp>();

function isWithin({ minLength = 0, maxLength, pattern }: TextBounds, value: unknown): boolean {
  if (typeof value !== 'string' || value.length < minLength || isLonger(value, maxLength)) return false;
  return pattern === undefined || compiled(pattern).test(value);
}

function compiled(pattern: string): RegExp {
  let expression = patterns.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(pattern);
    patterns.set(pattern, expression);
  }
  return expression;
}
