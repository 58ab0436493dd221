/**
 * Timers of one thread that go off together, four times a second at most.
 *
 * A wake-up of an idle thread costs some 0.2 ms, whatever is done in it: a dozen intervals of 250 ms to 1 s, each at a moment of its own, were most of what an
 * idle node of a cluster did. What they send leaves as one write as well, since the client writes behind the turn in which it was given something.
 *
 *     beats       |   |   |   |   |   |   |   |   |       one timer, every 250 ms
 *     250 ms      x   x   x   x   x   x   x   x   x
 *     1,000 ms    x               x               x       all of a second at the same beat
 *
 * For what may come a little earlier or later. A period that is no multiple of a beat (tests have shorter ones) has a timer of its own. None of them keeps a
 * process alive.
 *
 * One for each thread.
 */
export const beatMs = 250;

interface Entry {
  readonly beats: number;
  readonly action: () => void;
  /** Number of the beat with which it comes next. */
  dueAt: number;
}

/** A set that is gone through leaves out what is taken from it meanwhile. A node may have thousands. */
const firsts = new Set<Entry>();
const others = new Set<Entry>();
let beat = 0;
let timer: NodeJS.Timeout | null = null;

/**
 * Calls `action` about every `everyMs`, for the first time within one and a half of it; the result ends that. `isFirst`: before the others of its beat, for
 * whoever looks how late it is.
 */
export function inStep(everyMs: number, action: () => void, { isFirst = false } = {}): () => void {
  if (everyMs % beatMs !== 0) {
    const own = setInterval(action, everyMs);
    own.unref();
    return () => clearInterval(own);
  }
  const beats = everyMs / beatMs;
  const entry: Entry = { beats, action, dueAt: Math.ceil((beat + beats / 2) / beats) * beats };
  const entries = isFirst ? firsts : others;
  entries.add(entry);
  timer ??= setInterval(goOn, beatMs).unref();
  return () => {
    entries.delete(entry);
    if (firsts.size + others.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

function goOn(): void {
  beat++;
  for (const entries of [firsts, others]) {
    for (const entry of entries) {
      if (entry.dueAt > beat) continue;
      entry.dueAt = beat + entry.beats;
      entry.action();
    }
  }
}
