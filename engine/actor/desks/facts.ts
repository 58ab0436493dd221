/**
 * Fetches what a decision needs and memory does not hold: which events have a key, how an event ended.
 *
 * The reader is asked only for what is durable; the caller sees to that. `done` gets null when a read failed.
 */
import { decodeSpec } from '../../event/spec-codec.js';
import type { EventStatus } from '../../event/status.js';
import type { EventView } from '../../event/view.js';
import type { PartitionId, Sequence } from '../../kernel/brand.js';
import { InvariantError } from '../../kernel/errors.js';
import type { EventId } from '../../kernel/event-id.js';
import type { ReaderReply } from '../../log/protocol.js';
import type { Facts, KnownEvent, Needs } from '../../partition/command.js';
import type { PartitionState } from '../../partition/state.js';
import type { BodiesRead, GatheredBodies } from './gathered-bodies.js';
import type { Reads } from '../reads.js';

export interface ReadFailure {
  readonly failure: Extract<ReaderReply, { readonly op: 'failed' }>['failure'];
  readonly detail: string;
}

type Done = (facts: Facts | ReadFailure) => void;

export function isFailure(facts: Facts | ReadFailure): facts is ReadFailure {
  return 'failure' in facts;
}

/**
 * Needs with what memory knows of them now. They are fetched later, when they are durable, and by then the row of a pending event
 * may be free or another event's.
 */
export interface Question {
  readonly partition: PartitionId;
  readonly needs: Needs;
  readonly pending: readonly PendingEvent[];
}

interface PendingEvent {
  readonly event: EventId;
  readonly newest: Sequence;
  readonly status: EventStatus;
  readonly version: number;
  readonly attempts: number;
  readonly bodySeq: Sequence;
}

export function questionOf(needs: Needs, { partition, columns }: PartitionState): Question {
  const handles = needs.about === 'id' ? [] : needs.pending;
  const pending = handles.map((handle) => ({
    event: columns.id(handle),
    newest: columns.newestSeq(handle),
    status: columns.status(handle),
    version: columns.version(handle),
    attempts: columns.attempts(handle),
    bodySeq: columns.bodySeq(handle),
  }));
  return { partition, needs, pending };
}

/** Who is asked: specs of pending events go together with those of other requests. */
export interface FactSources {
  readonly reads: Reads;
  readonly specs: GatheredBodies;
}

export function fetchFacts({ partition, needs, pending }: Question, { reads, specs }: FactSources, done: Done): void {
  switch (needs.about) {
    case 'id':
      factsOfId(needs, { partition, reads }, done);
      break;
    case 'key':
      factsOfKey(needs, { partition, pending, reads, specs }, done);
      break;
    case 'spec':
      factsOfPending(pending, { partition, specs }, done);
  }
}

type IdNeeds = Extract<Needs, { about: 'id' }>;
type KeyNeeds = Extract<Needs, { about: 'key' }>;

function factsOfId(needs: IdNeeds, { partition, reads }: { partition: PartitionId; reads: Reads }, done: Done): void {
  if (needs.finished !== null) {
    factsOfFinished([needs.finished], { partition, reads }, done);
    return;
  }
  reads.ask({ op: 'find-id', partition, event: needs.event }, (reply) => {
    if (reply.op === 'failed') done(reply);
    else factsOfFinished(found(reply).slice(0, 1), { partition, reads }, done);
  });
}

/** Pending events with this tag, then finished ones, newest first; at last the one that may be known by its id alone. */
function factsOfKey(
  needs: KeyNeeds,
  { partition, pending, reads, specs }: Pick<Question, 'partition' | 'pending'> & FactSources,
  done: Done,
): void {
  const withFinished = (known: Facts, finished: readonly Sequence[]) =>
    factsOfFinished(finished, { partition, reads }, (facts) => done(isFailure(facts) ? facts : [...known, ...facts]));
  const withOwn = (known: Facts, finished: readonly Sequence[]) => {
    if (needs.own === null) {
      withFinished(known, finished);
      return;
    }
    reads.ask({ op: 'find-id', partition, event: needs.own }, (reply) => {
      if (reply.op === 'failed') done(reply);
      else withFinished(known, [...finished, ...found(reply).slice(0, 1)]);
    });
  };
  const withIndexed = (known: Facts) => {
    if (!needs.askIndex) {
      withOwn(known, needs.finished);
      return;
    }
    reads.ask({ op: 'find-key', partition, tagHigh: needs.tagHigh, tagLow: needs.tagLow }, (reply) => {
      if (reply.op === 'failed') done(reply);
      else withOwn(known, [...needs.finished, ...found(reply)]);
    });
  };
  factsOfPending(pending, { partition, specs }, (facts) => {
    if (isFailure(facts)) done(facts);
    else withIndexed(facts);
  });
}

function factsOfPending(
  pending: readonly PendingEvent[],
  { partition, specs }: { partition: PartitionId; specs: GatheredBodies },
  done: Done,
): void {
  if (pending.length === 0) {
    done([]);
    return;
  }
  const seqs = pending.map(({ bodySeq }) => bodySeq);
  const take = (read: BodiesRead): void => {
    if (read.op === 'failed') done(read);
    else if (read.damaged.length > 0) done({ failure: 'damaged', detail: `record ${read.damaged[0]} fails its checksum` });
    else done(pending.map((event, index) => ({ ...event, spec: decodeSpec(read.bodies[index]!) })));
  };
  specs.ask(partition, { seqs, take });
}

function factsOfFinished(
  seqs: readonly Sequence[],
  { partition, reads }: { partition: PartitionId; reads: Reads },
  done: Done,
): void {
  const facts = new Array<KnownEvent>(seqs.length);
  let left = seqs.length;
  if (left === 0) done([]);
  for (const [index, newest] of seqs.entries()) {
    reads.ask({ op: 'view', partition, newest }, (reply) => {
      // It stands in a newer record as well, carried forward, or has outlived the retention.
      if (reply.op === 'failed' && reply.failure === 'gone') {
        if (--left === 0) done(facts.filter(isThere));
        return;
      }
      if (reply.op === 'failed') {
        if (left > 0) done(reply);
        left = 0;
        return;
      }
      if (reply.op !== 'view') throw new InvariantError(`expected a view, found ${reply.op}`);
      facts[index] = knownFromView(reply.view, newest);
      if (--left === 0) done(facts.filter(isThere));
    });
  }
}

function isThere(known: KnownEvent | undefined): known is KnownEvent {
  return known !== undefined;
}

function found(reply: ReaderReply): Sequence[] {
  if (reply.op !== 'found') throw new InvariantError(`expected found, found ${reply.op}`);
  return reply.finished.map(({ seq }) => seq);
}

function knownFromView({ id, status, version, attempts, spec }: EventView, newest: Sequence): KnownEvent {
  return { event: id, newest, status, version, attempts, spec, bodySeq: null };
}
