import t from 'tap';
import { PeerDesk } from '../../../engine/cluster/peers/peer-desk.js';
import type { PeerPart, PeerTopic } from '../../../engine/cluster/peers/peer-message.js';
import type { Watcher } from '../../../engine/cluster/peers/watch-desk.js';
import { encodeMessages } from '../../../engine/kernel/message-codec.js';
import { peerPulseMs, peerSilenceMsMax } from '../../../engine/kernel/limits.js';

function setup() {
  const clock = { now: 0 };
  const watchers = new Set<Watcher>();
  const desk = new PeerDesk({
    post: { partBytesMax: 1_000, publish: () => undefined },
    watchDesk: { watch: (watcher) => void watchers.add(watcher), leave: (watcher) => void watchers.delete(watcher) },
    linkOf: () => null,
    answer: () => Promise.resolve(null),
    monoMs: () => clock.now,
  });
  let number = 0;
  const hear = (topic: PeerTopic, messages: readonly unknown[] = []) => {
    const part: PeerPart = { topic, hasMore: false, conversation: 1, number: ++number, bytes: encodeMessages(messages) };
    desk.heard('a', part);
  };
  return { clock, desk, watchers, hear };
}

t.test('a conversation in which nothing is heard any more is forgotten, with what it watches', async (t) => {
  const { clock, desk, watchers, hear } = setup();
  hear('watch', [{ partition: 0, on: true, round: 1 }]);
  t.equal(watchers.size, 1);
  clock.now += 4 * peerSilenceMsMax;
  desk.tick();
  t.equal(watchers.size, 0);
});

t.test('one that has nothing to ask and shows that it lives is not', async (t) => {
  const { clock, desk, watchers, hear } = setup();
  hear('watch', [{ partition: 0, on: true, round: 1 }]);
  for (let pulses = 0; pulses < 60; pulses++) {
    clock.now += peerPulseMs;
    hear('pulse');
    desk.tick();
  }
  t.equal(watchers.size, 1);
});
