/** Query strings. An unknown parameter is refused, so that a typo (`?result=errors`) never silently loses an option. */
import { type Refusal, refuseFields } from '../input/refusal.js';

/** The parameters of `query` by name, or why they are refused: unknown, given twice, not decodable. */
export function readQuery(query: string, known: readonly string[]): ReadonlyMap<string, string> | Refusal {
  if (query === '') return none;
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) return refuseQuery(`the query parameter ${JSON.stringify(name)} is not known here`);
    if (parameters.has(name)) return refuseQuery(`the query parameter ${name} is given twice`);
    parameters.set(name, value);
  }
  return parameters;
}

const none: ReadonlyMap<string, string> = new Map();

/** A parameter is no part of the body; the empty pointer stands for the request as a whole. */
export function refuseQuery(detail: string): Refusal {
  return refuseFields([{ pointer: '', detail }]);
}
