/** Things per second that `work` did, with the count that it is told to do. Whole; wall time of this thread. */
export function perSecond(count: number, work: () => void): number {
  const began = performance.now();
  work();
  return rate(count, performance.now() - began);
}

export function rate(count: number, tookMs: number): number {
  return Math.round((count / tookMs) * 1_000);
}
