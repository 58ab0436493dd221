/** Where a figure comes from: without it a figure says nothing. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** With `+` when the work tree differs from it; null outside of a checkout. */
  readonly commit: string | null;
  /** How many cores others kept busy just before: above 0.1 the machine was not idle. */
  readonly busyBefore: number;
}

export async function describeMachine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    commit: commitHere(),
    busyBefore: await busyCores(),
  };
}

/** Over half a second. The load that systems tell is that of the last minute, and most of it is what was measured before. */
async function busyCores(): Promise<number> {
  const before = cpus();
  await pause(500);
  const shares = cpus().map(({ times }, core) => {
    const past = before[core]!.times;
    const total = sum(times) - sum(past);
    return total === 0 ? 0 : 1 - (times.idle - past.idle) / total;
  });
  return Math.round(shares.reduce((all, share) => all + share, 0) * 100) / 100;
}

function sum({ user, nice, sys, idle, irq }: { user: number; nice: number; sys: number; idle: number; irq: number }): number {
  return user + nice + sys + idle + irq;
}

function commitHere(): string | null {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const isChanged = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return git('rev-parse', '--short', 'HEAD').trim() + (isChanged ? '+' : '');
  } catch {
    // No git, or no checkout: a figure without a commit is still a figure.
    return null;
  }
}
