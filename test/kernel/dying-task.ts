/** A task for `thread-pool.test.ts`: its thread dies of an error that nobody catches. */
export function dying(): Promise<void> {
  setImmediate(() => {
    throw new Error('as it was told');
  });
  return new Promise(() => undefined);
}
