/** The events of a message, from its bytes onto sheets: the same way that a batch over HTTP goes. */
import type { Clock, InletMessage } from '../../engine/index.js';
import { UnreadableError } from '../input/batch-forms.js';
import type { DestinationCheck } from '../input/fields/destination.js';
import { readOntoSheets, type SheetedEvents } from '../input/event-sheets.js';
import { isRefusal, type Refusal } from '../input/refusal.js';
import { contextOf } from './message-context.js';
import { contentOf } from './message-forms.js';

export interface MessageEvents extends SheetedEvents {
  /** The message could not be read, so there is one refusal for all of it. */
  readonly isUnreadable: boolean;
}

/** To be taken step by step. */
export function* readMessage(
  message: InletMessage,
  parts: { readonly clock: Clock; readonly destinations: DestinationCheck },
): Generator<void, MessageEvents> {
  const context = contextOf(message, parts);
  if (isRefusal(context)) return unreadable(context);
  try {
    const { eventsFor, isArray } = contentOf(message.data);
    const read = yield* readOntoSheets(eventsFor, { context, isIndexed: isArray });
    return { ...read, isUnreadable: false };
  } catch (error) {
    if (error instanceof UnreadableError) return unreadable(error.refusal);
    throw error;
  }
}

function unreadable(refusal: Refusal): MessageEvents {
  return { count: 1, refusals: new Map([[0, refusal]]), sheets: [], isUnreadable: true };
}
