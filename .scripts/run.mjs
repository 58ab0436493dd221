/** `npm run simulate`, `npm run torture`: prepares, then runs a file of the build in this very process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { command, PreparationError, root } from './step.mjs';

await command(async () => {
  const file = join(root, process.argv[2] ?? '');
  await prepare();
  if (!existsSync(file)) throw new PreparationError(`there is no ${process.argv[2]}`);
  // The program sees its own name and arguments only.
  process.argv.splice(1, 2, file);
  await import(pathToFileURL(file).href);
});
