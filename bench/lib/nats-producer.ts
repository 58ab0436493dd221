/**
 * A producer that costs next to nothing, as it shares two cores with what is measured: the same message again and again, so many in the air, each of them
 * acknowledged by JetStream. With the client's `publish` a message of 29 kB took 160 us, most of it copies of the body.
 *
 * Speaks the few words of NATS's protocol that this takes, without a login.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const inbox = '_INBOX.bench';

export interface Published {
  readonly url: string;
  readonly subject: string;
  readonly body: string;
  readonly messages: number;
  readonly inTheAir: number;
}

/** Resolves when every message has been acknowledged as stored; rejects with what the server said instead. */
export async function publishAll({ url, subject, body, messages, inTheAir }: Published): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const message = Buffer.from(`PUB ${subject} ${inbox} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  let left = messages;
  const publish = (count: number) => {
    socket.cork();
    for (let each = 0; each < count && left > 0; each++, left--) socket.write(message);
    socket.uncork();
  };
  socket.write(`CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB ${inbox} 1\r\n`);
  publish(inTheAir);
  try {
    await acknowledged(socket, messages, publish);
  } finally {
    socket.destroy();
  }
}

/** `stored`: so many more of them. */
async function acknowledged(socket: Socket, messages: number, stored: (count: number) => void): Promise<void> {
  let missing = messages;
  let rest = '';
  for await (const chunk of socket) {
    const lines = (rest + (chunk as Buffer).toString('latin1')).split('\r\n');
    rest = lines.pop()!;
    let count = 0;
    for (const line of lines) {
      if (line.startsWith('{"stream":')) count++;
      else if (line === 'PING') socket.write('PONG\r\n');
      else if (!line.startsWith('MSG ') && !line.startsWith('INFO ')) throw new Error(`not an acknowledgement: ${line}`);
    }
    missing -= count;
    if (missing === 0) return;
    stored(count);
  }
  throw new Error(`the server hung up with ${missing} messages not acknowledged`);
}
