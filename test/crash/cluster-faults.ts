/**
 * What is done to a cluster while it works: salvos of one to three faults, chosen by a seed, none of which may cost anything that was acknowledged.
 *
 * That allows much: the journal is in NATS, which syncs each write, so any node may lose its data directory, all of them may be gone for a while, and NATS
 * with them. What it does not allow is that a nats-server loses its files. One gateway always lives, since somebody has to be asked.
 */
import { sessionTtlMs } from '../../engine/kernel/limits.js';

/** What its way to NATS does to a node: nothing comes, nothing goes, all comes late, little passes, no connection is there. */
export const hindrances = ['deafen', 'mute', 'delay', 'slow', 'refuse'] as const;
export type Hindrance = (typeof hindrances)[number];

/** `visit`: a node that is not there joins and leaves again. */
export type Harm = 'kill' | 'stop' | 'freeze' | 'visit' | Hindrance;

export interface Fault {
  readonly harm: Harm;
  /** A node, a gateway or a nats-server by its name. */
  readonly target: string;
  /** After the begin of the salvo. */
  readonly afterMs: number;
  readonly forMs: number;
  /** A node comes back without its data. */
  readonly emptied: boolean;
  /** How a visit ends. */
  readonly leavesBy: 'kill' | 'stop';
}

export interface Setting {
  /** With partitions and a gateway, and each with a way to NATS of its own. */
  readonly nodes: readonly string[];
  readonly gateways: readonly string[];
  readonly nats: readonly string[];
  readonly guests: readonly string[];
}

type Of = 'node' | 'way' | 'gateway' | 'nats' | 'guest';

/** Shares of a hundred. */
const chances: readonly (readonly [Of, number])[] = [
  ['node', 43],
  ['nats', 20],
  ['way', 15],
  ['guest', 12],
  ['gateway', 10],
];
const nodeHarms = ['kill', 'kill', 'stop', 'freeze'] as const;
const guestStayMs = [1_000, 12_000] as const;
const afterMsMax = 5_000;
/** Back before anybody has noticed, while they take over, or long after. */
const longestAway = 3 * sessionTtlMs;

export function planSalvo(random: () => number, setting: Setting): readonly Fault[] {
  const count = random() < 0.6 ? 1 : random() < 0.7 ? 2 : 3;
  const salvo: Fault[] = [];
  const taken = new Set<string>();
  const doors = [...setting.nodes, ...setting.gateways];
  while (salvo.length < count) {
    const of = chooseKind(random);
    const names = {
      node: setting.nodes,
      way: setting.nodes,
      gateway: setting.gateways,
      nats: setting.nats,
      guest: setting.guests,
    }[of];
    const target = names[Math.floor(random() * names.length)];
    const leavesADoor = of === 'nats' || of === 'guest' || of === 'way' || doors.filter((door) => !taken.has(door)).length > 1;
    if (target === undefined || taken.has(target) || !leavesADoor) continue;
    taken.add(target);
    salvo.push({ ...planFault(random, of), target, afterMs: salvo.length === 0 ? 0 : Math.floor(random() * afterMsMax) });
  }
  return salvo;
}

function chooseKind(random: () => number): Of {
  let dice = random() * 100;
  for (const [of, share] of chances) {
    dice -= share;
    if (dice < 0) return of;
  }
  return 'node';
}

function planFault(random: () => number, of: Of): Omit<Fault, 'target' | 'afterMs'> {
  const between = (from: number, to: number): number => Math.floor(from + random() * (to - from));
  const emptied = random() < 0.3;
  const leavesBy = random() < 0.5 ? 'kill' : 'stop';
  if (of === 'guest') return { harm: 'visit', forMs: between(...guestStayMs), emptied, leavesBy };
  if (of === 'way') {
    const harm = hindrances[Math.floor(random() * hindrances.length)]!;
    return { harm, forMs: between(500, longestAway), emptied: false, leavesBy };
  }
  const harm = nodeHarms[Math.floor(random() * nodeHarms.length)]!;
  if (harm === 'freeze') return { harm, forMs: between(1_000, longestAway), emptied: false, leavesBy };
  const isBackSoon = random() < 0.5;
  // NATS away for half, one and two times to live.
  const longMs: readonly [number, number] =
    of === 'nats' ? [sessionTtlMs / 2, 2 * sessionTtlMs] : [sessionTtlMs, 2 * sessionTtlMs];
  return { harm, forMs: isBackSoon ? between(0, 2_000) : between(...longMs), emptied: emptied && of === 'node', leavesBy };
}

export function isHindrance(harm: Harm): harm is Hindrance {
  return (hindrances as readonly Harm[]).includes(harm);
}

export function describe({ harm, target, afterMs, forMs, emptied, leavesBy }: Fault): string {
  const detail = [
    afterMs > 0 ? `after ${afterMs} ms` : '',
    emptied ? 'emptied' : '',
    harm === 'visit' ? `leaves by ${leavesBy}` : '',
  ];
  return `${harm} ${target} for ${forMs} ms${detail
    .filter((text) => text !== '')
    .map((text) => `, ${text}`)
    .join('')}`;
}
