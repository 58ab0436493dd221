/** Steps that say what they do and how long it took, and the one error that ends a preparation. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Something that whoever ran the command can put right; shown without a stack. */
export class PreparationError extends Error {}

/** A long step says every so often that it is alive. */
const reminderMs = 15_000;

/** Announces `title`, runs `work`, and says how long it took. */
export async function step(title, work) {
  const startedAt = performance.now();
  console.log(`- ${title} ...`);
  const reminder = setInterval(() => console.log(`  still at it (${seconds(startedAt)})`), reminderMs);
  try {
    const result = await work();
    console.log(`  done in ${seconds(startedAt)}`);
    return result;
  } finally {
    clearInterval(reminder);
  }
}

export function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

/** Runs `main`; what went wrong is one message and exit code 1. */
export async function command(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof PreparationError ? error.message : error);
    process.exitCode = 1;
  }
}
