/**
 * The reader's thread: ports around `LogReader`. One long task of a pool, like the log writer.
 *
 * A message is worked off at a time, so that a replay, which sends itself no messages but waits for `replay-next`, and the
 * reads of running partitions take turns. Slices and views of lists, a millisecond or more each, wait until nothing else is there to be
 * read: what is due would stand behind one of each partition. Behind each piece of a bulk change, of which there are thousands, it steps
 * aside: else a host with a tick, or the main thread with a delivery, would stand behind some of them at a time.
 */
import type { MessagePort } from 'node:worker_threads';
import { stepAside } from '../kernel/nap.js';
import { logNiceness, standBack } from '../kernel/thread-priority.js';
import { LogReader } from './log-reader.js';
import type { LogOptions, PoolReply, ReaderReply, ReaderRequest, SegmentNotice } from './protocol.js';

export interface ReaderThreadData {
  /** `ReaderRequest` in, `ReaderReply` out: the actor host's. */
  readonly port: MessagePort;
  /** `SegmentNotice` in: the log writer's. */
  readonly link: MessagePort;
  /** `PoolRequest` out, `PoolReply` in: the main thread's, which owns the pool. */
  readonly pool: MessagePort;
  readonly options: Pick<LogOptions, 'dataDir' | 'partitions'>;
}

/** Ends when the host's port is closed or `close` has been carried out; rejects on a bug. All ports are to be transferred. */
export function logReader({ port, link, pool, options }: ReaderThreadData): Promise<void> {
  return new Promise((resolve, reject) => {
    standBack(logNiceness);
    const reader = new LogReader({
      options,
      reply: (reply) => port.postMessage(reply, movedWith(reply)),
      pool: (request) => pool.postMessage(request),
    });
    let isOpen = true;
    const patient: PatientRequest[] = [];

    const end = () => {
      if (!isOpen) return;
      isOpen = false;
      try {
        reader.close();
        resolve();
      } catch (error) {
        reject(error);
      }
      for (const each of [port, link, pool]) each.close();
    };
    const carefully =
      <Message>(work: (message: Message) => void) =>
      (message: Message) => {
        if (!isOpen) return;
        try {
          work(message);
        } catch (error) {
          reject(error);
          end();
        }
      };

    /** Between two of them the event loop brings what else there is. */
    const handlePatient = carefully(() => {
      reader.handle(patient.shift()!);
      if (patient.length > 0) setImmediate(handlePatient);
    });

    port.on('close', end);
    port.on(
      'message',
      carefully((request: ReaderRequest) => {
        if (request.op === 'close') end();
        else if (isPatient(request)) {
          if (patient.push(request) === 1) setImmediate(handlePatient);
        } else {
          reader.handle(request);
          if (isOfVeryMany(request)) stepAside();
        }
      }),
    );
    link.on(
      'message',
      carefully((notice: SegmentNotice) => reader.notice(notice)),
    );
    pool.on(
      'message',
      carefully((reply: PoolReply) => reader.poolDone(reply)),
    );
  });
}

type PatientRequest = Extract<ReaderRequest, { readonly op: 'list' | 'views' }>;

function isPatient(request: ReaderRequest): request is PatientRequest {
  return request.op === 'list' || request.op === 'views';
}

/** A piece of a bulk change: about a millisecond. */
function isOfVeryMany({ op }: ReaderRequest): boolean {
  return op === 'match' || op === 'retries' || op === 'indexed-finals';
}

function movedWith(reply: ReaderReply): ArrayBuffer[] {
  switch (reply.op) {
    case 'replay-batch':
      return [reply.batch.buffer];
    case 'changes':
      return [reply.changes.buffer];
    case 'bodies':
      return reply.bodies.length > 0 ? [reply.bodies[0]!.buffer as ArrayBuffer] : [];
    case 'indexed-finals':
      return [reply.known.buffer];
    case 'retries':
      return [reply.sheaf.buffer];
    case 'replay-section':
      return [reply.section.buffer];
    default:
      return [];
  }
}
