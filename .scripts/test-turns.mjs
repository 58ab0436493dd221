/**
 * Which test files begin when.
 *
 * Files that start clusters wait for sessions to end most of the time, others compute all the time: a fixed number of files leaves the cores idle at one moment and
 * crowds them at another. So `jobs` files run at any time, and while the cores idle one more begins at each look, up to `jobsMax`. What has just begun takes a moment to
 * become busy, which is what the time between two looks is for; what ends while the cores are busy is not replaced until fewer than `jobs` run.
 *
 * Of those that run about half start clusters, as long as there are both kinds: then there is always somebody who computes while they wait.
 */
import { cpus } from 'node:os';

/** A start of a server is over in less on a machine that has room for one. */
export const lookMs = 2_000;
/** Of all cores, on average since the last look. */
const idleShareMin = 0.15;

export class TestTurns {
  #clusters;
  #others;
  #jobs;
  #jobsMax;
  #coreTimes;
  /** How often the cores were looked at, and what was seen. */
  #seen;
  #mayExceed = false;
  #running = { clusters: 0, others: 0 };

  /** `clusters` and `others`: lists of what begins together, in order. `coreTimes`: milliseconds of all cores so far, idle ones and all. */
  constructor({ clusters, others, jobs, jobsMax, coreTimes = timesOfCores }) {
    this.#clusters = [...clusters];
    this.#others = [...others];
    this.#jobs = jobs;
    this.#jobsMax = jobsMax;
    this.#coreTimes = coreTimes;
    this.#seen = coreTimes();
  }

  /** Every `lookMs`: may one more than `jobs` begin? */
  look() {
    const { idle, all } = this.#coreTimes();
    this.#mayExceed = (idle - this.#seen.idle) / (all - this.#seen.all) >= idleShareMin;
    this.#seen = { idle, all };
  }

  /** What begins now, and the kind that `ended` wants to know of; null: nothing. */
  next() {
    const running = this.#running.clusters + this.#running.others;
    if (running >= this.#jobs && !(this.#mayExceed && running < this.#jobsMax)) return null;
    const kind = this.#nextKind();
    if (kind === null) return null;
    if (running >= this.#jobs) this.#mayExceed = false;
    this.#running[kind]++;
    return { kind, files: (kind === 'clusters' ? this.#clusters : this.#others).shift() };
  }

  ended(kind) {
    this.#running[kind]--;
  }

  /** Nothing runs, and nothing is left to begin. */
  get isOver() {
    const { clusters, others } = this.#running;
    return clusters + others + this.#clusters.length + this.#others.length === 0;
  }

  #nextKind() {
    const { clusters, others } = this.#running;
    // Of clusters alone there are fewer at once: five processes and more each, which are all busy when they begin.
    const clustersMax = Math.max(1, this.#jobs - 1);
    const mayCluster = this.#clusters.length > 0 && clusters < clustersMax;
    if (this.#others.length === 0) return mayCluster ? 'clusters' : null;
    return mayCluster && clusters <= others ? 'clusters' : 'others';
  }
}

function timesOfCores() {
  const sum = { idle: 0, all: 0 };
  for (const { times } of cpus()) {
    // What gives way to others (`give-way.mjs`) is as good as nothing.
    sum.idle += times.idle + times.nice;
    for (const ms of Object.values(times)) sum.all += ms;
  }
  return sum;
}
