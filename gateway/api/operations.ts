/** What is said of each line in the table of routes, by its method and path. A line without an entry fails a test. */
import { changeOperations } from './change-operations.js';
import { destinationOperations } from './destination-operations.js';
import { eventOperations } from './event-operations.js';
import type { Operation } from './operation.js';
import { figureOperations } from './figure-operations.js';
import { listOperations } from './list-operations.js';
import { otherOperations } from './other-operations.js';

export const operations: Readonly<Record<string, Operation>> = {
  ...eventOperations,
  ...changeOperations,
  ...listOperations,
  ...figureOperations,
  ...destinationOperations,
  ...otherOperations,
};
