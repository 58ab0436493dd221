/** The cluster as one node sees it, as the contract names it: who lives, who owns what, who stands by and how far behind. */
import type { PartitionId } from '../kernel/brand.js';
import type { Member, MemberMap } from './membership/members.js';
import type { NodeReport } from './membership/node-reports.js';
import type { OwnerMap } from './ownership/ownership.js';
import type { Place } from './ownership/placement.js';

/** JSON-ready. */
export interface ClusterView {
  readonly nodes: readonly {
    readonly id: string;
    readonly address: string | null;
    readonly alive: boolean;
    readonly partitions: readonly number[];
  }[];
  readonly partitions: readonly {
    readonly partition: number;
    /** Null: nobody at the moment. */
    readonly owner: string | null;
    readonly epoch: number;
    readonly standby: string | null;
    /** Entries behind the owner; null: not following yet. */
    readonly standby_lag: number | null;
    /** Of the newest takeover; null: it is still under way, or not known here. */
    readonly last_takeover_ms: number | null;
    readonly takeover_duplicates: number | null;
    /** How often the journal was not what a node knew of it, so that something acknowledged may be gone. */
    readonly data_loss_count: number | null;
  }[];
}

export interface ClusterViewParts {
  readonly partitions: number;
  readonly members: MemberMap;
  readonly owners: OwnerMap;
  readonly placeOf: (partition: PartitionId) => Place;
  readonly reportOf: (session: string) => NodeReport | null;
}

export function clusterView({ partitions, members, owners, placeOf, reportOf }: ClusterViewParts): ClusterView {
  const nodes = new Map<string, { id: string; address: string | null; alive: boolean; partitions: number[] }>();
  const newestFirst = [...members.alive].sort((a, b) => b.startedAt - a.startedAt);
  for (const { node, address } of newestFirst) {
    if (!nodes.has(node)) nodes.set(node, { id: node, address, alive: true, partitions: [] });
  }
  const rows = Array.from({ length: partitions }, (_, number) => {
    const partition = number as PartitionId;
    const owner = owners.of(partition);
    const owned = owner !== null && !owner.released ? owner : null;
    const standby = standbyOf(partition, {
      owned: owned?.node ?? null,
      place: placeOf(partition),
      members: newestFirst,
      reportOf,
    });
    const told = owned === null ? undefined : reportOf(owned.session)?.served.get(partition);
    const newest = told?.epoch === owned?.epoch ? told : undefined;
    if (owned !== null) {
      // One that is dead and was not replaced yet.
      if (!nodes.has(owned.node)) nodes.set(owned.node, { id: owned.node, address: null, alive: false, partitions: [] });
      nodes.get(owned.node)!.partitions.push(number);
    }
    return {
      partition: number,
      owner: owned?.node ?? null,
      epoch: owner?.epoch ?? 0,
      standby: standby?.node ?? null,
      standby_lag: standby?.lag ?? null,
      last_takeover_ms: newest?.takeoverMs ?? null,
      takeover_duplicates: newest?.duplicates ?? null,
      data_loss_count: newest?.dataLosses ?? null,
    };
  });
  return { nodes: [...nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), partitions: rows };
}

/** Whom the placement names; while the owner itself is to change, its next owner is who stands by. */
function standbyOf(
  partition: PartitionId,
  {
    owned,
    place,
    members,
    reportOf,
  }: Pick<ClusterViewParts, 'reportOf'> & { owned: string | null; place: Place; members: readonly Member[] },
): { readonly node: string; readonly lag: number | null } | null {
  const node = place.owner !== owned ? place.owner : place.standby;
  const member = members.find((one) => one.node === node);
  if (node === null || member === undefined) return null;
  return { node, lag: reportOf(member.session)?.followed.get(partition) ?? null };
}
