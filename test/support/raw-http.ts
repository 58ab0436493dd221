/** Requests as bytes over a socket, for what no well-behaved client would send. */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The server closed the connection within the wait. */
  readonly closed: boolean;
}

export interface RawClient {
  readonly socket: Socket;
  /** Everything that has come. */
  text(): string;
  /** Resolves when `done` holds for what has come, when the server closes, or after `withinMs`. */
  until(done: (text: string) => boolean, withinMs?: number): Promise<void>;
  readonly isClosed: () => boolean;
}

export function rawConnect(port: number): RawClient {
  const socket = connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  let closed = false;
  const watchers = new Set<() => void>();
  const wake = (): void => watchers.forEach((watcher) => watcher());
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    wake();
  });
  const onClose = (): void => {
    closed = true;
    wake();
  };
  // A server that closes while the client still writes resets the connection: expected, and what came before counts.
  socket.on('error', onClose).on('end', onClose).on('close', onClose);
  return {
    socket,
    text: () => received.toString('latin1'),
    isClosed: () => closed,
    until(done, withinMs = 3_000) {
      return new Promise((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          watchers.delete(watcher);
          resolve();
        };
        const watcher = (): void => {
          if (closed || done(received.toString('latin1'))) finish();
        };
        const timer = setTimeout(finish, withinMs);
        watchers.add(watcher);
        watcher();
      });
    },
  };
}

/** Sends `parts` one after the other on a connection of its own and takes the first answer. */
export async function rawRequest(port: number, ...parts: readonly (string | Buffer)[]): Promise<RawAnswer> {
  const client = rawConnect(port);
  for (const part of parts) {
    client.socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.until((text) => isWhole(text));
  const answer = parseAnswer(client.text());
  if (answer.headers['connection'] === 'close') await client.until(() => false, 1_000);
  client.socket.destroy();
  return { ...answer, closed: client.isClosed() };
}

function isWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd));
  return length !== null && text.length >= headEnd + 4 + Number(length[1]);
}

function parseAnswer(text: string): Omit<RawAnswer, 'closed'> {
  const headEnd = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers, body: text.slice(headEnd + 4) };
}

/** A POST with JSON, as text; `extra` are header lines. */
export function postText(path: string, body: string, extra: readonly string[] = []): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'Host: test',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...extra,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
