/**
 * The form that something sent must have, told once: its schema, which the description of the API shows, and the check compiled from it.
 *
 * Both are made when they are first asked for, and kept: a start needs none of them, and making all of them was 0.1 s of it. Whoever is the
 * first to send something of a form waits 5 ms for its check, and the very first of all 0.1 s longer for TypeBox. A check takes about a microsecond then.
 */
import {
  type Static,
  type TSchema,
  type TypeBuilder,
  type TypeCheck,
  typeBuilder,
  typeCompiler,
  type ValueError,
} from './typebox.js';

export type { Static, TypeBuilder } from './typebox.js';
/** What has a form, by the form: `Sent<typeof eventForm>`. */
export type Sent<Of> = Of extends Form<infer Schema> ? Static<Schema> : never;

export class Form<Schema extends TSchema = TSchema> {
  readonly #build: (type: TypeBuilder) => Schema;
  #schema: Schema | null = null;
  #check: TypeCheck<Schema> | null = null;

  constructor(build: (type: TypeBuilder) => Schema) {
    this.#build = build;
  }

  get schema(): Schema {
    this.#schema ??= this.#build(typeBuilder());
    return this.#schema;
  }

  fits(value: unknown): value is Static<Schema> {
    return this.#compiled().Check(value);
  }

  /** Of what does not fit: where, and why not. */
  errors(value: unknown): Iterable<ValueError> {
    return this.#compiled().Errors(value);
  }

  #compiled(): TypeCheck<Schema> {
    this.#check ??= typeCompiler().Compile(this.schema);
    return this.#check;
  }
}
