/**
 * Decisions about a key: a new event, a whole spec put under an external id, and which event it is that has one.
 *
 * A tag is a hash, so whatever has the same tag is read and compared by its texts before anything is decided.
 */
import { type EventKey, keyOf, tagOfKey } from '../event/content.js';
import { encodeAlias } from '../event/alias-codec.js';
import { aliasKind, type AliasRecord, noEvent, recordKinds } from '../event/record.js';
import { encodeRefused } from '../event/outcome-codec.js';
import { encodeRenewal } from '../event/renewal-codec.js';
import { decodeSpec, encodeSpec, SpecHead, type StoredSpec } from '../event/spec-codec.js';
import { isFinished } from '../event/status.js';
import { noSequence, type Sequence, type WallMs } from '../kernel/brand.js';
import { type EventId, formatEventId } from '../kernel/event-id.js';
import { idempotencyKeyMs } from '../kernel/limits.js';
import type { Decision, Facts, KnownEvent, Needs, Put, Request } from './command.js';
import { alreadyFinished, inFlight, versionMismatch } from './refusals.js';
import { answered, changed, needing, nothing, refused, wholeMs } from './decision.js';
import type { RecordCursor } from '../log/record-batch.js';
import type { PartitionState } from './state.js';

type Schedule = Extract<Request, { op: 'schedule' }>;
type Find = Extract<Request, { op: 'find' }>;
interface Circumstances {
  readonly now: WallMs;
  readonly facts: Facts | null;
}

const head = new SpecHead();

export function decideSchedule(state: PartitionState, command: Schedule, { now, facts }: Circumstances): Decision {
  const before = command.again === true ? askedBefore(state, command.event, facts) : null;
  if (before !== null) return answered({ op: 'replayed', newest: before });
  const { tagHigh, tagLow } = head.at(command.body);
  if (tagHigh === 0 && tagLow === 0) return decideWithoutKey(state, command, facts);
  if (facts === null) return askAboutKey(state, { tagHigh, tagLow }, command) ?? accepted(state, command);
  const asked = decodeSpec(command.body);
  const key = keyOf(asked);
  const known = facts.find((fact) => sameKey(keyOf(fact.spec), key) && stillRemembered(fact, asked.createdAtMs));
  if (known === undefined) return accepted(state, command);
  const current = asItIsNow(state, known);
  // It finished while the facts were on their way: how it ended must be read first.
  if (current === null) return decideSchedule(state, command, { now, facts: null });
  if (sameBytes(known.spec.fingerprint, asked.fingerprint)) {
    const { newest, status } = current;
    return {
      ...nothing,
      answer: command.brief === true ? { op: 'duplicate', event: known.event, status } : { op: 'replayed', newest },
      alias: command.told === true ? aliasOf(state, known.event, { alias: command.event, now }) : null,
    };
  }
  const isExternal = key?.kind === 'external';
  const code = isExternal ? 'external-job-id-conflict' : 'idempotency-key-reused';
  const detail = isExternal
    ? `external_job_id "${asked.externalJobId}" of source "${asked.source}" belongs to event ${formatEventId(known.event)}, which has other content`
    : `this Idempotency-Key was used for event ${formatEventId(known.event)}, which has other content`;
  if (command.told === true) return acceptedAndRefused(state, { event: command.event, asked, now, reason: `${code}: ${detail}` });
  return refused({ code, detail, event: known.event, status: current.status });
}

/** Where an event stands that was asked for under this id; null: it was not, as far as memory and `facts` can tell. */
function askedBefore(state: PartitionState, event: EventId, facts: Facts | null): Sequence | null {
  const handle = state.handleOf(event);
  if (handle !== null) return state.columns.newestSeq(handle);
  const read = facts?.find((fact) => sameBytes(fact.event, event) && isFinished(fact.status));
  return state.finished.seqOf(event) ?? read?.newest ?? null;
}

interface RefusedEvent {
  readonly event: EventId;
  readonly asked: StoredSpec;
  readonly now: WallMs;
  readonly reason: string;
}

/**
 * Somebody has its id for an answer, so it is an event; the key is the other one's, so it has none, and nothing is attempted. It says why,
 * and is told as every death is. Refused alone it would have left an id behind that nobody knows.
 */
function acceptedAndRefused(state: PartitionState, { event, asked, now, reason }: RefusedEvent): Decision {
  const body = encodeSpec({ ...asked, externalJobId: null, idempotencyKey: null }, null);
  const { records, answer } = accepted(state, { op: 'schedule', event, body });
  const { seq: prev } = records[0]!;
  const kind = recordKinds.refused;
  const refusal = { seq: (prev + 1) as Sequence, kind, event, prev, at: wholeMs(now), body: encodeRefused({ reason }) };
  return { ...nothing, records: [...records, refusal], answer };
}

/** Null: it is known by this id already. */
function aliasOf(
  state: PartitionState,
  event: EventId,
  { alias, now }: { readonly alias: EventId; readonly now: WallMs },
): AliasRecord | null {
  if (sameBytes(event, alias) || state.aliases.has(alias)) return null;
  const seq = (state.lastSeq + 1) as Sequence;
  return { seq, kind: aliasKind, event: noEvent, prev: noSequence, at: wholeMs(now), body: encodeAlias({ alias, event }) };
}

/** Only its id can tell whether it was asked before. */
function decideWithoutKey(state: PartitionState, command: Schedule, facts: Facts | null): Decision {
  const { event, again } = command;
  const mayBeKnown = again === true && facts === null && state.finished.mayBeIndexedId(event);
  return mayBeKnown ? needing({ about: 'id', event, finished: null }) : accepted(state, command);
}

/**
 * Decides about the new event under the cursor without an object for it. True: it is new, and its record has its place in the log
 * now; it is to be written next. False: facts are needed, or it cannot be read, and `decideSchedule` is to be asked.
 */
export function decideInPlace(state: PartitionState, cursor: RecordCursor): boolean {
  const { view, bodyAt } = cursor;
  if (!SpecHead.isReadableIn(view, { start: bodyAt, length: cursor.endAt - bodyAt })) return false;
  const tag = head.inside(view, bodyAt);
  if ((tag.tagHigh !== 0 || tag.tagLow !== 0) && state.mayHaveKey(tag)) return false;
  cursor.seq = (state.lastSeq + 1) as Sequence;
  return true;
}

/** Created, or the pending one has this spec from now on; what it was first accepted with stays what a repeat is compared with. */
export function decidePut(state: PartitionState, command: Put, { now, facts }: Circumstances): Decision {
  const { tagHigh, tagLow } = head.at(command.body);
  if (facts === null) return askAboutKey(state, { tagHigh, tagLow }) ?? created(state, command);
  const asked = decodeSpec(command.body);
  const key = keyOf(asked);
  const known = facts.find((fact) => sameKey(keyOf(fact.spec), key));
  if (known === undefined) return created(state, command);
  const { event, spec } = known;
  const handle = state.handleOf(event);
  // It finished while the facts were on their way: how it ended must be read first.
  if (handle === null && !isFinished(known.status)) return decidePut(state, command, { now, facts: null });
  if (handle === null) return alreadyFinished({ event, status: known.status, verb: 'replaced' });
  const { columns } = state;
  const status = columns.status(handle);
  if (status === 'DISPATCHED') return inFlight(state, handle);
  const mismatch = versionMismatch(state, handle, command.versions);
  if (mismatch !== null) return mismatch;
  const body = encodeRenewal({
    from: status,
    version: columns.version(handle) + 1,
    attempts: columns.attempts(handle),
    dueAtMs: Math.max(asked.scheduledAtMs, wholeMs(now)) as WallMs,
    spec: encodeSpec({ ...asked, createdAtMs: spec.createdAtMs }, spec.fingerprint),
  });
  return changed(state, handle, { kind: recordKinds.changed, now, body });
}

/** What is asked about the event with this key is decided about its id, which never changes. */
export function decideFind(state: PartitionState, { key }: Find, facts: Facts | null): Decision {
  const tag = tagOfKey(key);
  const unknown = refused({
    code: 'not-found',
    detail: `there is no event with external_job_id ${JSON.stringify(key.text)} of source "${key.source}"`,
    event: null,
    status: null,
  });
  if (facts === null) return askAboutKey(state, { tagHigh: tag.high, tagLow: tag.low }) ?? unknown;
  const known = facts.find((fact) => sameKey(keyOf(fact.spec), key));
  return known === undefined ? unknown : { ...nothing, found: known.event };
}

/** Null: certainly no event has this key, nor has the one that may have been asked for before. */
function askAboutKey(
  state: PartitionState,
  tag: Pick<Extract<Needs, { about: 'key' }>, 'tagHigh' | 'tagLow'>,
  asked: Pick<Schedule, 'event' | 'again'> | null = null,
): Decision | null {
  const pending = state.tagged(tag);
  const finished = state.finished.tagged(tag);
  const askIndex = state.finished.mayBeIndexedKey(tag);
  const own = asked?.again === true && state.finished.mayBeIndexedId(asked.event) ? asked.event : null;
  if (pending.length === 0 && finished.length === 0 && !askIndex && own === null) return null;
  return needing({ about: 'key', ...tag, pending, finished, askIndex, own });
}

/** An event of which a version is asked for, whichever, must be there already. */
function created(state: PartitionState, command: Put): Decision {
  if (command.versions === undefined) return accepted(state, command);
  const detail = 'there is no event with this external_job_id, so no version of it';
  return refused({ code: 'version-mismatch', detail, event: null, status: null });
}

/** The record bears the time at which the event was created, not when its turn came: the first answer names that one too. */
function accepted(state: PartitionState, { event, body }: Schedule | Put): Decision {
  const at = head.at(body).createdAtMs;
  const seq = (state.lastSeq + 1) as Sequence;
  return {
    ...nothing,
    records: [{ seq, kind: recordKinds.accepted, event, prev: noSequence, at, body }],
    answer: { op: 'accepted' },
  };
}

/** The status that facts told of an event, brought up to date; null when only the log knows it. */
function asItIsNow(state: PartitionState, known: KnownEvent): Pick<KnownEvent, 'newest' | 'status'> | null {
  const handle = state.handleOf(known.event);
  if (handle !== null) return { newest: state.columns.newestSeq(handle), status: state.columns.status(handle) };
  return isFinished(known.status) ? known : null;
}

/** External ids are remembered as long as their event, idempotency keys for a day. */
function stillRemembered({ spec }: KnownEvent, askedAtMs: WallMs): boolean {
  return spec.externalJobId !== null || askedAtMs - spec.createdAtMs < idempotencyKeyMs;
}

function sameKey(one: EventKey | null, other: EventKey | null): boolean {
  return one !== null && other !== null && one.kind === other.kind && one.source === other.source && one.text === other.text;
}

function sameBytes(one: Uint8Array | null, other: Uint8Array | null): boolean {
  return one !== null && other !== null && Buffer.compare(one, other) === 0;
}
