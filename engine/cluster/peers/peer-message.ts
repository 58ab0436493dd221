/**
 * What one node publishes for another one, on `escapement.n.<to>.<from>`: a part of a message of a conversation.
 *
 *     0  u8   what it is about             2  f64  conversation: counts up for each pair, chosen by the one who asks
 *     1  u8   1: more parts follow        10  f64  number of the part in its direction, from 1
 *                                         18       bytes
 *
 * NATS keeps the order of what one connection publishes, but may lose what is under way when a connection breaks, also one between two servers. So
 * parts are numbered, and a number that is missing ends the conversation. Never stored, but read by nodes of another version during an upgrade.
 */
const topics = [
  /** Nothing to ask: whoever asks shows that it lives. */
  'pulse',
  /** `HostRequest`s. */
  'requests',
  /** `WatchRequest`s. */
  'watch',
  /** `NumberedQuestion`s. */
  'questions',
  // Answers of the one who is asked, from here on:
  /** To a pulse. */
  'pulse-back',
  /** `HostReply`s. */
  'replies',
  /** `WatchAnswer`s. */
  'watching',
  /** `StatusChange`s. */
  'changes',
  /** `NumberedAnswer`s. */
  'answers',
  /** `PartitionId`s of which the one who is asked keeps other settings for origins than before. */
  'settings-changed',
  /** A part is missing, so everything that is open is lost. */
  'broken',
] as const;
export type PeerTopic = (typeof topics)[number];

export function isAnswer(topic: PeerTopic): boolean {
  return topics.indexOf(topic) >= topics.indexOf('pulse-back');
}

export interface PeerPart {
  readonly topic: PeerTopic;
  readonly hasMore: boolean;
  readonly conversation: number;
  readonly number: number;
  readonly bytes: Uint8Array;
}

const headBytes = 18;

export function peerSubject({ to, from }: { readonly to: string; readonly from: string }): string {
  return `escapement.n.${to}.${from}`;
}

/** All that is meant for a node. */
export function peerPattern(to: string): string {
  return `escapement.n.${to}.*`;
}

export function senderOf(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1);
}

export function encodePart({ topic, hasMore, conversation, number, bytes }: PeerPart): Uint8Array<ArrayBuffer> {
  const part = new Uint8Array(headBytes + bytes.length);
  const view = new DataView(part.buffer);
  view.setUint8(0, topics.indexOf(topic));
  view.setUint8(1, hasMore ? 1 : 0);
  view.setFloat64(2, conversation, true);
  view.setFloat64(10, number, true);
  part.set(bytes, headBytes);
  return part;
}

/** Null for what is none, or about something that a later version knows. `bytes` are a view. */
export function decodePart(part: Uint8Array): PeerPart | null {
  if (part.length < headBytes) return null;
  const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
  const topic = topics[view.getUint8(0)];
  if (topic === undefined) return null;
  return {
    topic,
    hasMore: view.getUint8(1) === 1,
    conversation: view.getFloat64(2, true),
    number: view.getFloat64(10, true),
    bytes: part.subarray(headBytes),
  };
}
