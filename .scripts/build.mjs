/** `npm run build` */
import { prepare } from './prepare.mjs';
import { command } from './step.mjs';

await command(prepare);
