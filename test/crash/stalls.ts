/**
 * Loaded into a server before its own code, on every thread of it: threads stand still now and then, as where others take their processor.
 *
 *     node --import ./stalls.js gateway/main.js
 *
 * A busy machine finds what depends on who is faster; this finds it on an idle one, and costs no processor: a thread that is about to look at
 * the clock, or to read a message, sleeps. Mostly for a few milliseconds, now and then for longer than a turn, a commit or a reply takes.
 */
import { MessagePort } from 'node:worker_threads';

/** Looks and messages between two stalls, on the average. */
const meanBetween = 500;
const shortMsMax = 20;
const longMsMax = 300;
const longShare = 0.1;

const sleeper = new Int32Array(new SharedArrayBuffer(4));
let left = Math.ceil(Math.random() * 2 * meanBetween);

function stallNowAndThen(): void {
  if (--left > 0) return;
  left = Math.ceil(Math.random() * 2 * meanBetween);
  const longest = Math.random() < longShare ? longMsMax : shortMsMax;
  Atomics.wait(sleeper, 0, 0, Math.random() * longest);
}

const monoMs = performance.now.bind(performance);
performance.now = () => {
  stallNowAndThen();
  return monoMs();
};

type Listener = (...words: unknown[]) => void;

const listen = MessagePort.prototype.on as (this: MessagePort, name: string, listener: Listener) => MessagePort;
MessagePort.prototype.on = function (this: MessagePort, name: string, listener: Listener): MessagePort {
  if (name !== 'message') return listen.call(this, name, listener);
  return listen.call(this, name, (...words) => {
    stallNowAndThen();
    listener(...words);
  });
} as typeof MessagePort.prototype.on;
