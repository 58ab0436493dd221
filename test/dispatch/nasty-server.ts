/**
 * A destination that misbehaves on purpose: each path does one thing that a receiver should not do. Raw sockets, so that
 * nothing corrects it.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface NastyServer {
  readonly port: number;
  /** Open on its side. */
  readonly sockets: ReadonlySet<Socket>;
  /** Whole requests as they came, in latin1. */
  readonly requests: string[];
  /** Connections so far. */
  readonly accepted: () => number;
}

type Behaviour = (socket: Socket) => void;

const dripMs = 20;

function drip(socket: Socket, text: string): void {
  const timer = setInterval(() => socket.write(text), dripMs);
  socket.on('close', () => clearInterval(timer));
}

function flood(socket: Socket): void {
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  const pour = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', pour);
  pour();
}

const answer = (status: string, ...headers: string[]): Behaviour => {
  const lines = [`HTTP/1.1 ${status}`, ...headers, 'content-length: 2', '', 'ok'];
  return (socket) => socket.write(lines.join('\r\n'));
};

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/never': () => undefined,
  '/drip-headers': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    drip(socket, 'x-a: b\r\n');
  },
  '/drip-status': (socket) => drip(socket, 'H'),
  '/drip-body': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
    drip(socket, 'x');
  },
  '/endless': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
    flood(socket);
  },
  '/endless-500': (socket) => {
    socket.write('HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n');
    flood(socket);
  },
  '/endless-informational': (socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'),
  '/giant-headers': (socket) => socket.write(`HTTP/1.1 200 OK\r\nx-a: ${'y'.repeat(100_000)}\r\n\r\n`),
  '/many-headers': (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'x-a: y\r\n'.repeat(10_000)}\r\n`),
  '/mid-body': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'),
  '/mid-chunk': (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhalf'),
  '/mid-headers': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
  '/close': (socket) => socket.end(),
  '/reset': (socket) => socket.resetAndDestroy(),
  '/reset-mid-body': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () => setImmediate(() => socket.resetAndDestroy()));
  },
  '/not-http': (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'),
  '/bad-length': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: nan\r\n\r\n'),
  '/two-lengths': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk'),
  '/continue': (socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\n'),
  '/switch': (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  '/twice': (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\nno'),
  '/hints': (socket) => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
  '/until-close': (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'),
  '/status-99': answer('099 Odd'),
  '/200': answer('200 OK'),
  '/300': answer('300 Multiple Choices'),
  '/302': answer('302 Found', 'location: /200'),
  '/307': answer('307 Temporary Redirect', 'location: http://169.254.169.254/'),
  '/404': answer('404 Not Found', 'retry-after: 7'),
  '/410': answer('410 Gone', 'retry-after: 7'),
  '/429': answer('429 Too Many Requests', 'retry-after: 12'),
  '/503': answer('503 Service Unavailable', 'retry-after: 3'),
  '/503-date': (socket) =>
    answer('503 Service Unavailable', `retry-after: ${new Date(Date.now() + 60_000).toUTCString()}`)(socket),
  '/503-far': answer('503 Service Unavailable', 'retry-after: 999999999'),
  '/599': answer('599 What'),
};

export async function startNastyServer(t: Test): Promise<NastyServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let accepted = 0;
  const server: Server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Whoever drops the connection in the middle is what is being tested.
    socket.on('error', () => sockets.delete(socket));
    socket.setEncoding('latin1');
    let read = '';
    socket.on('data', (text: string) => {
      read += text;
      const request = wholeRequest(read);
      if (request === null) return;
      read = read.slice(request.length);
      requests.push(request);
      behaviours[request.split(' ', 2)[1]!]!(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets, requests, accepted: () => accepted };
}

function wholeRequest(read: string): string | null {
  const headEnd = read.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(read.slice(0, headEnd))?.[1] ?? 0);
  const end = headEnd + 4 + length;
  return read.length >= end ? read.slice(0, end) : null;
}
