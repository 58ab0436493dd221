/** What a node says of itself in its session: JSON, so that any key-value client can show it. */

/** A process of the cluster that lives. */
export interface Member {
  /** Random, for one stretch of life of one process; never used again. */
  readonly session: string;
  readonly node: string;
  readonly address: string;
  /** Its share of the partitions. 0: a gateway, or about to stop; owns nothing. */
  readonly weight: number;
  readonly version: string;
  readonly startedAt: number;
}

export interface SessionTold {
  readonly member: Member;
  /** How often it was renewed: how long it has lived, whatever clocks say. */
  readonly renewals: number;
  /** Earlier sessions of the same process, which act no more. */
  readonly former: readonly string[];
}

export function sessionText({ member, renewals, former }: SessionTold): string {
  const { node, address, weight, version, startedAt } = member;
  return JSON.stringify({ node, address, weight, version, started_at: new Date(startedAt).toISOString(), renewals, former });
}

/** Null for what is none: another program's, or of a later form. */
export function readSession(session: string, data: Uint8Array): SessionTold | null {
  const told = parsed(data);
  if (typeof told !== 'object' || told === null) return null;
  const { node, address, weight, version, started_at, renewals, former } = told as Record<string, unknown>;
  if (typeof node !== 'string' || typeof weight !== 'number' || !(weight >= 0) || typeof renewals !== 'number') return null;
  const startedAt = Date.parse(String(started_at));
  return {
    member: { session, node, address: String(address), weight, version: String(version), startedAt },
    renewals,
    former: Array.isArray(former) ? former.map(String) : [],
  };
}

function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString());
  } catch {
    // No JSON, so none of ours.
    return null;
  }
}
