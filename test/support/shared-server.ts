/**
 * One server, as shipped and with no setting, for all test files of a process (`.scripts/test-files.mjs`); for a file that runs by itself
 * it is that file's own. For tests that look only at their own events: others have some there, too.
 */
import type t from 'tap';
import { type Server, startServer } from './server.js';

let shared: Promise<Server> | null = null;

/** Ready. Killed with the process's tests. */
export async function sharedServer(root: typeof t): Promise<Server> {
  shared ??= startServer(root);
  const server = await shared;
  await server.ready();
  return server;
}
