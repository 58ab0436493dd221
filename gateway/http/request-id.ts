/** Every answer names its request, so that a line in a log and a complaint can be brought together. */
import { randomBytes } from 'node:crypto';

const sane = /^[A-Za-z0-9._:-]{1,128}$/;

/** One prefix for each process and a count: unique without randomness for each request. */
const prefix = randomBytes(6).toString('hex');
let minted = 0;

/** The caller's own id if it is harmless to repeat (it ends up in a response header and in logs), else a new one. */
export function requestIdFor(given: string | null): string {
  if (given !== null && sane.test(given)) return given;
  minted++;
  return `${prefix}-${minted.toString(36)}`;
}
