/** What the process says to whoever started it. `docs/operations.md` lists them for every command. */
export const exitCodes = {
  done: 0,
  /** One line on stderr says why; nothing was changed. */
  refused: 1,
  /** It looked, and found damage that is still there. */
  damaged: 2,
  /** It looked, and what was asked for is not there. */
  absent: 3,
  /** An error that nobody expected, or a stop that hung. */
  defect: 70,
  secondSignal: 130,
} as const;
