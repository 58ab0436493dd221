/** For `background-thread.test.ts` and `thread-priority.test.ts`: what a task sees of its own thread. */
import { readlinkSync } from 'node:fs';
import { getPriority } from 'node:os';
import { standBack } from '../../engine/kernel/thread-priority.js';
import { openDatabase } from '../../engine/log/sqlite.js';

export async function tellPriority({ told }: { readonly told: Int32Array }): Promise<void> {
  told[0] = getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
}

export async function standBackAndTell({
  told,
  niceness,
}: {
  readonly told: Int32Array;
  readonly niceness: number;
}): Promise<void> {
  standBack(niceness);
  await tellPriority({ told });
}

export async function breakDown(): Promise<void> {
  throw new Error('as told');
}

export async function breakDownInSqlite(): Promise<void> {
  openDatabase(':memory:', { mode: 'write' }).prepare('SELECT * FROM nowhere');
}
