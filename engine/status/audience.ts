/**
 * Who hears of which change.
 *
 * A change must not be compared with every subscriber: a thousand browsers that each watch one order, or a hundred that show the
 * same dashboard, would make each change cost a thousand comparisons. So subscribers with equal filters form one *group*, which
 * is asked once and gets one list of changes for all of them (whoever encodes it needs to do so once), and a group whose filter
 * names event ids or external ids is found through an index and never asked about other events. What is left, one comparison per
 * change and distinct general filter, is the cost of the question itself.
 *
 *     change -> general groups: all asked
 *            -> byEventId.get(its id) -> asked
 *            -> byExternalJobId.get(its external id) -> asked
 *
 * Knows nothing of positions, cursors and time. `bench/micro/status-fanout.bench.ts` measures `hear`.
 */
import type { StatusChange } from '../event/status-change.js';
import { formatEventId } from '../kernel/event-id.js';
import { compileFilter, eventIdsOf, filterKey, type StatusFilter, type StatusPredicate } from './filter.js';

export interface Group<Member> {
  readonly members: ReadonlySet<Member>;
}

interface OpenGroup<Member> extends Group<Member> {
  readonly members: Set<Member>;
  readonly matches: StatusPredicate;
  /** Matching changes since the last `take`. */
  heard: StatusChange[];
}

/** One of a group's places: all groups, or those under one id. */
type Groups<Member> = Set<OpenGroup<Member>>;

export class Audience<Member> {
  readonly #groups = new Map<string, OpenGroup<Member>>();
  readonly #general: Groups<Member> = new Set();
  readonly #byEventId = new Map<string, Groups<Member>>();
  readonly #byExternalJobId = new Map<string, Groups<Member>>();
  /** Groups that have heard something since the last `take`. */
  #touched: OpenGroup<Member>[] = [];

  add(filter: StatusFilter, member: Member): void {
    const key = filterKey(filter);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { members: new Set(), matches: compileFilter(filter), heard: [] };
      this.#groups.set(key, group);
      this.#place(filter, group);
    }
    group.members.add(member);
  }

  remove(filter: StatusFilter, member: Member): void {
    const key = filterKey(filter);
    const group = this.#groups.get(key);
    if (group === undefined || !group.members.delete(member) || group.members.size > 0) return;
    this.#groups.delete(key);
    this.#displace(filter, group);
  }

  hear(change: StatusChange): void {
    for (const group of this.#general) this.#offer(group, change);
    if (this.#byEventId.size > 0) this.#offerAll(this.#byEventId.get(formatEventId(change.event)), change);
    if (this.#byExternalJobId.size > 0 && change.externalJobId !== null) {
      this.#offerAll(this.#byExternalJobId.get(change.externalJobId), change);
    }
  }

  /** What each group has heard since the last call, in the order heard; groups that have heard nothing are left out. */
  take(): (readonly [Group<Member>, readonly StatusChange[]])[] {
    const taken = this.#touched.map((group) => [group, group.heard] as const);
    for (const group of this.#touched) group.heard = [];
    this.#touched = [];
    return taken;
  }

  #offerAll(groups: Groups<Member> | undefined, change: StatusChange): void {
    if (groups === undefined) return;
    for (const group of groups) this.#offer(group, change);
  }

  #offer(group: OpenGroup<Member>, change: StatusChange): void {
    if (!group.matches(change)) return;
    if (group.heard.length === 0) this.#touched.push(group);
    group.heard.push(change);
  }

  /** A group lies under one kind of id only, so that no change meets it twice. */
  #place(filter: StatusFilter, group: OpenGroup<Member>): void {
    if (filter.eventId !== null) for (const id of eventIdsOf(filter.eventId)) placeUnder(this.#byEventId, id, group);
    else if (filter.externalJobId !== null) for (const id of filter.externalJobId) placeUnder(this.#byExternalJobId, id, group);
    else this.#general.add(group);
  }

  #displace(filter: StatusFilter, group: OpenGroup<Member>): void {
    if (filter.eventId !== null) for (const id of eventIdsOf(filter.eventId)) displaceFrom(this.#byEventId, id, group);
    else if (filter.externalJobId !== null) for (const id of filter.externalJobId) displaceFrom(this.#byExternalJobId, id, group);
    else this.#general.delete(group);
  }
}

function placeUnder<Member>(index: Map<string, Groups<Member>>, id: string, group: OpenGroup<Member>): void {
  const groups = index.get(id);
  if (groups === undefined) index.set(id, new Set([group]));
  else groups.add(group);
}

function displaceFrom<Member>(index: Map<string, Groups<Member>>, id: string, group: OpenGroup<Member>): void {
  const groups = index.get(id);
  if (groups?.delete(group) && groups.size === 0) index.delete(id);
}
