/**
 * Does a value have the form that a JSON Schema describes? As much of it as the description of the API uses; a keyword that is not
 * known here is an error, so that nothing passes unchecked.
 */

export type Schema = Readonly<Record<string, unknown>>;
export type Resolve = (reference: string) => Schema;

const silent = new Set(['description', 'format', 'title', 'example', 'examples', 'default']);

/** What is wrong, by path; empty when nothing is. */
export function misfits(value: unknown, schema: Schema, resolve: Resolve, path = ''): string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    if (silent.has(keyword)) return [];
    const judge = keywords[keyword];
    return judge === undefined ? [`${path}: the keyword ${keyword} is not known`] : judge({ value, rule, schema, resolve, path });
  });
}

interface Case {
  readonly value: unknown;
  readonly rule: unknown;
  readonly schema: Schema;
  readonly resolve: Resolve;
  readonly path: string;
}

function unless(holds: boolean, { path, value, rule }: Case, what: string): string[] {
  return holds ? [] : [`${path}: ${JSON.stringify(value)?.slice(0, 80)} ${what} ${JSON.stringify(rule)?.slice(0, 80)}`];
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: Array.isArray,
  object: isObject,
};

const keywords: Readonly<Record<string, (given: Case) => string[]>> = {
  $ref: ({ value, rule, resolve, path }) => misfits(value, resolve(String(rule)), resolve, path),
  type: (given) => unless(types[String(given.rule)]?.(given.value) === true, given, 'is no'),
  const: (given) => unless(given.value === given.rule, given, 'is not'),
  enum: (given) => unless((given.rule as unknown[]).includes(given.value), given, 'is none of'),
  anyOf: (given) => {
    const { value, rule, resolve, path } = given;
    const all = (rule as Schema[]).map((schema) => misfits(value, schema, resolve, path));
    return all.some((found) => found.length === 0) ? [] : [`${path}: fits none: ${all.flat().slice(0, 3).join('; ')}`];
  },
  properties: ({ value, rule, resolve, path }) =>
    !isObject(value)
      ? []
      : Object.entries(rule as Record<string, Schema>).flatMap(([name, schema]) =>
          Object.hasOwn(value, name) ? misfits(value[name], schema, resolve, `${path}/${name}`) : [],
        ),
  required: (given) => {
    const { value } = given;
    return isObject(value)
      ? unless(
          (given.rule as string[]).every((name) => Object.hasOwn(value, name)),
          given,
          'lacks one of',
        )
      : [];
  },
  additionalProperties: (given) => {
    const { value, rule, schema, resolve, path } = given;
    if (!isObject(value) || rule === true) return [];
    const patterns = Object.keys((schema['patternProperties'] as object | undefined) ?? {}).map((text) => new RegExp(text));
    const known = (schema['properties'] as object | undefined) ?? {};
    const others = Object.keys(value).filter((name) => !Object.hasOwn(known, name) && !patterns.some((form) => form.test(name)));
    if (rule === false) return unless(others.length === 0, { ...given, value: others }, 'are not described');
    return others.flatMap((name) => misfits(value[name], rule as Schema, resolve, `${path}/${name}`));
  },
  patternProperties: ({ value, rule, resolve, path }) =>
    !isObject(value)
      ? []
      : Object.entries(rule as Record<string, Schema>).flatMap(([form, schema]) =>
          Object.keys(value)
            .filter((name) => new RegExp(form).test(name))
            .flatMap((name) => misfits(value[name], schema, resolve, `${path}/${name}`)),
        ),
  items: ({ value, rule, resolve, path }) =>
    Array.isArray(value) ? value.flatMap((item, at) => misfits(item, rule as Schema, resolve, `${path}/${at}`)) : [],
  minItems: (given) =>
    unless(!Array.isArray(given.value) || given.value.length >= Number(given.rule), given, 'has fewer items than'),
  maxItems: (given) =>
    unless(!Array.isArray(given.value) || given.value.length <= Number(given.rule), given, 'has more items than'),
  minLength: (given) =>
    unless(typeof given.value !== 'string' || given.value.length >= Number(given.rule), given, 'is shorter than'),
  maxLength: (given) =>
    unless(typeof given.value !== 'string' || given.value.length <= Number(given.rule), given, 'is longer than'),
  minimum: (given) => unless(typeof given.value !== 'number' || given.value >= Number(given.rule), given, 'is below'),
  maximum: (given) => unless(typeof given.value !== 'number' || given.value <= Number(given.rule), given, 'is above'),
  minProperties: (given) =>
    unless(!isObject(given.value) || Object.keys(given.value).length >= Number(given.rule), given, 'has fewer members than'),
  pattern: (given) =>
    unless(typeof given.value !== 'string' || new RegExp(String(given.rule), 'u').test(given.value), given, 'has not the form'),
};
