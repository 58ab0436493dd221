/**
 * What the description of the API says about one call, besides what its line in the table of routes says already (method,
 * path, scope, bounds). One for each line of that table, in `operations.ts`; a test goes through all of them.
 */
import type { RefusalCode } from '../input/refusal.js';
import type { TSchema } from '../typebox.js';

export interface Operation {
  /** Becomes a function's name in generated clients: unique, and never changed. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** The variable segment of the path. */
  readonly parameter?: ParameterDoc;
  readonly query?: Readonly<Record<string, ParameterDoc>>;
  readonly headers?: Readonly<Record<string, ParameterDoc>>;
  readonly body?: BodyDoc;
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** Besides those that follow from its route. */
  readonly problems: readonly RefusalCode[];
}

export const tags = {
  events: 'Scheduling, reading and changing events',
  destinations: 'Where events go',
  stream: 'Changes as they happen',
  operation: 'Health, figures, descriptions',
} as const;
export type Tag = keyof typeof tags;

export interface ParameterDoc {
  readonly description: string;
  readonly schema: TSchema;
  readonly example: string | number | boolean;
}

export interface BodyDoc {
  readonly required: boolean;
  /** By media type. */
  readonly content: Readonly<Record<string, MediaDoc>>;
}

export interface MediaDoc {
  readonly schema: TSchema;
  /** By a name of one word. */
  readonly examples: Readonly<Record<string, unknown>>;
}

export interface AnswerDoc {
  readonly description: string;
  /** `application/json` unless said otherwise. */
  readonly mediaType?: string;
  readonly schema: TSchema;
  readonly headers?: Readonly<Record<string, string>>;
  readonly example: unknown;
}

/** What any call may be answered that has to ask a partition. */
export const ofPartition = ['internal', 'overloaded', 'partition-unavailable'] as const satisfies readonly RefusalCode[];
/** ... that reads what is stored. */
export const ofReading = [...ofPartition, 'not-found', 'record-damaged'] as const satisfies readonly RefusalCode[];
/** ... that stores something. */
export const ofWriting = [...ofPartition, 'disk-full', 'outcome-unknown'] as const satisfies readonly RefusalCode[];
