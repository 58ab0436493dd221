#!/usr/bin/env node
/**
 * The program `escapement`: reads the command line, runs the command, and turns how it ended into an exit code.
 *
 * What cannot be done is one line on stderr and exit code 1, without a stack; `command/exit-codes.ts` has the others.
 */
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { readInvocation, StartError, surroundingsOf } from '../engine/index.js';
import { exitCodes } from './command/exit-codes.js';
import type { NodeOptions } from './command/node.js';
import { commandSet } from './commands.js';

export interface MainOptions extends NodeOptions {
  /** Without program and script. */
  readonly argv: readonly string[];
}

/** Resolves when a node listens; the process then goes on until a signal. Any other command ends it. */
export async function main({ argv, ...options }: MainOptions): Promise<void> {
  try {
    const invocation = readInvocation(commandSet(options), surroundingsOf(argv));
    if (invocation.do === 'print') {
      process.stdout.write(`${invocation.text}\n`);
      return;
    }
    const outcome = await invocation.run();
    if (outcome !== 'running') process.exitCode = outcome;
  } catch (error) {
    const isRefusal = error instanceof StartError;
    process.stderr.write(`escapement: ${isRefusal ? error.message : `a defect, please report it: ${inspect(error)}`}\n`);
    // What had been started before is closed by now; a thread that lingers must not keep the process.
    process.exit(isRefusal ? exitCodes.refused : exitCodes.defect);
  }
}

function isEntryPoint(): boolean {
  const script = process.argv[1];
  return script !== undefined && import.meta.url === pathToFileURL(realpathSync(script)).href;
}

if (isEntryPoint()) void main({ argv: process.argv.slice(2) });
