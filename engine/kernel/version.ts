import { createRequire } from 'node:module';

/** Of Escapement, as its package says; the compiled file lies two folders below it and one below `build`. */
export const { version } = createRequire(import.meta.url)('../../../package.json') as { readonly version: string };
