/**
 * The log writer's thread: ports and a timer around `LogWriter`.
 *
 * Runs as one long task of a pool whose threads do not sleep in Atomics (else the timer would never fire). Before each
 * commit it takes in everything that has been posted meanwhile, which is what makes a group of it: the event loop alone
 * would hand over one message at a time.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { SystemClock } from '../kernel/clock.js';
import { logNiceness, standBack } from '../kernel/thread-priority.js';
import { LogWriter } from './log-writer.js';
import type { LogOptions, LogReply, LogRequest } from './protocol.js';

const tickMs = 1_000;
/**
 * What is durable is told when nothing waits to be committed, or so long after the first commit that was not told of. A message wakes the host,
 * which wakes the main thread: with one for each commit of each partition that was a tenth of what an event costs.
 */
const untoldMsMax = 0.5;

export interface WriterThreadData {
  /** `LogRequest`s in, `LogReply`s out: the actor host's. */
  readonly port: MessagePort;
  /** `SegmentNotice` out: the reader's. */
  readonly link: MessagePort;
  readonly options: LogOptions;
}

/** Ends when the port is closed or `close` has been carried out; rejects on a bug. Both ports are to be transferred. */
export function logWriter({ port, link, options }: WriterThreadData): Promise<void> {
  return new Promise((resolve, reject) => {
    standBack(logNiceness);
    const clock = new SystemClock();
    let untold: LogReply[] = [];
    let untoldSinceMs = 0;
    const tell = () => {
      if (untold.length === 0) return;
      port.postMessage(untold);
      untold = [];
    };
    const writer = new LogWriter({
      options,
      clock,
      reply: (reply) => {
        if (untold.length === 0) untoldSinceMs = clock.monoMs();
        untold.push(reply);
      },
      notice: (notice) => link.postMessage(notice),
    });
    let isOpen = true;

    const end = () => {
      if (!isOpen) return;
      isOpen = false;
      clearInterval(ticking);
      try {
        writer.close();
        tell();
        resolve();
      } catch (error) {
        reject(error);
      }
      port.close();
      link.close();
    };
    const carefully = (work: () => void) => {
      if (!isOpen) return;
      try {
        work();
        tell();
      } catch (error) {
        reject(error);
        end();
      }
    };
    // Files that could not be opened.
    tell();
    const take = (request: LogRequest) => {
      if (request.op === 'close') end();
      else writer.submit(request);
    };
    const takeAll = () => {
      while (isOpen) {
        const next = receiveMessageOnPort(port) as { readonly message: readonly LogRequest[] } | undefined;
        if (next === undefined) return;
        next.message.forEach(take);
      }
    };

    const ticking = setInterval(() => {
      carefully(() => {
        clock.check();
        writer.tick();
      });
    }, tickMs);
    port.on('close', end);
    port.on('message', (requests: readonly LogRequest[]) => {
      carefully(() => {
        requests.forEach(take);
        do {
          if (untold.length > 0 && clock.monoMs() - untoldSinceMs >= untoldMsMax) tell();
          takeAll();
        } while (isOpen && writer.commitNext());
      });
    });
  });
}
