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
  readonly body: string | Buffer;
  /** Close the connection behind the answer: what follows on it cannot be trusted or is not wanted. */
  readonly close: boolean;
  readonly sequel?: Sequel;
}

const noHeaders: Reply['headers'] = [];

export function replyJson(status: number, body: string | Buffer, headers: Reply['headers'] = noHeaders): Reply {
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

export function statusLine(status: number): string {
  return reasons[status] ?? `${status} Unknown`;
}
