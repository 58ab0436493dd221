/** An origin in a path: URL-encoded, and in the one spelling that events have it in. */
import { natsOrigin } from '../../../engine/index.js';
import { destinationFault } from './destination.js';

/** `https%3A%2F%2FExample.org%3A443` is `https://example.org`. Null: no text that an origin could be. */
export function readOrigin(parameter: string): string | null {
  let text: string;
  try {
    text = decodeURIComponent(parameter);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
  if (text === natsOrigin) return text;
  if (text.startsWith('local:')) return destinationFault('LOCAL', text.slice('local:'.length)) === null ? text : null;
  if (destinationFault('HTTP', text) !== null) return null;
  const { origin, pathname, search } = new URL(text);
  return pathname === '/' && search === '' ? origin : null;
}
