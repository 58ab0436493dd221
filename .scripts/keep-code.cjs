/**
 * Preloaded into each thread of the server that a build starts (`first-start.mjs`): once that has done its work, what V8 has made of their code by then is written down.
 *
 * All threads hear of that moment, and the main thread answers when each has written. Threads may come and go until then, but not meanwhile.
 */
'use strict';
const { BroadcastChannel, isMainThread, threadId } = require('node:worker_threads');
const loader = require('../build/engine/load-code.cjs');

const keeps = [];
const channel = new BroadcastChannel('keep-code');
const threads = new Set();

loader.load = (file) => {
  const { exported, keep } = loader.loadToKeep(file);
  keeps.push(keep);
  return exported;
};

if (isMainThread) {
  channel.onmessage = ({ data: { began, kept } }) => {
    if (began !== undefined) threads.add(began);
    if (threads.delete(kept) && threads.size === 0) process.send('kept');
  };
  process.on('message', () => {
    for (const keep of keeps) keep();
    channel.postMessage('keep');
  });
  process.channel.unref();
} else {
  channel.onmessage = ({ data }) => {
    if (data !== 'keep') return;
    for (const keep of keeps) keep();
    channel.postMessage({ kept: threadId });
  };
  channel.postMessage({ began: threadId });
}
channel.unref();
