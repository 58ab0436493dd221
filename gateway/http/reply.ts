import type { RequestId } from './request-id.js';
import type { StreamPeer } from '../stream/outlet.js';

/** What comes behind the head of an answer that has no end, piece by piece. */
export interface Sequel {
  /** The head is on its way. Returns who is to hear how the connection fares. */
  begin(peer: StreamPeer): SequelEnd;
  /** The client has not waited for the answer. */
  abandon(): void;
}

export interface SequelEnd {
  /** The client has taken something. */
  onDrain(): void;
  onClosed(): void;
}

/** What a handler answers. A value: the server writes it in one piece, or not at all if the client has gone. */
export interface Reply {
  readonly status: number;
  readonly contentType: string;
  /** Further headers. Names and values are ours or checked: CR and LF never get here. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | Uint8Array;
  /** In the place of status, content type, request id and body; what is in `headers` comes behind its head. */
  readonly laidOut?: LaidOut;
  /** Close the connection behind the answer: what follows on it cannot be trusted or is not wanted. */
  readonly close: boolean;
  readonly sequel?: Sequel;
}

/** An answer whose bytes are written already. Where they lie is told as views only when it leaves: most wait a while, and views are large. */
export interface LaidOut {
  head(): Uint8Array;
  body(): Uint8Array;
  /** When both have been written, or never. */
  giveBack(): void;
}

const noHeaders: Reply['headers'] = [];

export function replyJson(status: number, body: string | Uint8Array, headers: Reply['headers'] = noHeaders): Reply {
  return { status, contentType: 'application/json', headers, body, close: false };
}

export function replyText(status: number, contentType: string, body: string): Reply {
  return { status, contentType, headers: noHeaders, body, close: false };
}

/** Status lines of everything that we answer. */
const reasons: Readonly<Record<number, string>> = {
  200: '200 OK',
  201: '201 Created',
  202: '202 Accepted',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  409: '409 Conflict',
  412: '412 Precondition Failed',
  413: '413 Payload Too Large',
  415: '415 Unsupported Media Type',
  421: '421 Misdirected Request',
  422: '422 Unprocessable Content',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
  507: '507 Insufficient Storage',
};

/** All of the head but what the library writes itself. In one piece: a call for each line with its two texts cost 2 us. */
export function headOf(reply: Omit<Reply, 'body' | 'close'>, requestId: Pick<RequestId, 'text'>): string | Uint8Array {
  const { status, contentType, headers, laidOut } = reply;
  if (laidOut !== undefined) {
    const head = laidOut.head();
    return headers.length === 0 ? head : Buffer.from(head).toString('latin1') + linesOf(headers);
  }
  const line = reasons[status] ?? `${status} Unknown`;
  return `${line}\r\nContent-Type: ${contentType}\r\nX-Request-Id: ${requestId.text}${linesOf(headers)}`;
}

/** Of the answer that makes a WebSocket of the connection, but what the library writes itself. */
export function upgradeHeadOf(headers: Reply['headers'], requestId: Pick<RequestId, 'text'>): string {
  return `101 Switching Protocols\r\nX-Request-Id: ${requestId.text}${linesOf(headers)}`;
}

function linesOf(headers: Reply['headers']): string {
  let lines = '';
  for (const [name, value] of headers) {
    if (isSafeHeader(value)) lines += `\r\n${name}: ${value}`;
  }
  return lines;
}

/** CR and LF would be written as they come. All our values are safe by construction; this holds also when a new one is not. */
function isSafeHeader(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at);
    if ((char < 0x20 && char !== 0x09) || char > 0x7e) return false;
  }
  return true;
}
