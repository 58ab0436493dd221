/**
 * Errors of sockets, TLS, resolvers and undici: a short sentence for people, which an operator reads in `last_error`, and
 * whether it speaks against the destination.
 */
import { connectMsMax, EgressRefused } from './connector.js';
import { headerBytesMax } from './connections.js';

const textMax = 200;

export interface Failure {
  readonly error: string;
  /** As in `DeliveryResult`. */
  readonly unhealthy: boolean;
}

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the destination',
  EPIPE: 'connection closed by the destination',
  UND_ERR_SOCKET: 'connection closed before the answer was complete',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name cannot be resolved at the moment',
  EAI_FAIL: 'host name cannot be resolved',
  EAI_NODATA: 'host name has no address',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  EADDRNOTAVAIL: 'address not available: no free local port, or not an address to connect to',
  EMFILE: 'too many open files on this machine',
  ENFILE: 'too many open files on this machine',
  ETIMEDOUT: `no connection within ${connectMsMax} ms`,
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${connectMsMax} ms`,
  UND_ERR_HEADERS_OVERFLOW: `answer has more than ${headerBytesMax} bytes of headers`,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'answer is not as long as it says',
  EPROTO: 'TLS handshake failed',
};

/** What undici says when it drops a connection itself, because of a `100 Continue` or a `101 Switching Protocols` that nobody asked for. */
const unasked: ReadonlySet<string> = new Set(['bad response', 'bad upgrade']);

/** Node's codes for certificates that do not hold have no prefix in common. */
const certificate =
  /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)|SIGNATURE|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH/;

export function failureOf(error: Error): Failure {
  // Every address of a name was tried and none answered: the first says as much as all.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return failureOf(error.errors[0]);
  if (error instanceof EgressRefused) return { error: cut(error.message), unhealthy: false };
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return { error: cut(`request cannot be sent: ${error.message}`), unhealthy: false };
  }
  if (code === 'UND_ERR_SOCKET' && unasked.has(error.message)) {
    return { error: 'answer is a 100 or 101, which was not asked for', unhealthy: true };
  }
  return { error: sentences[code] ?? cut(described(error, code)), unhealthy: true };
}

function described(error: Error, code: string): string {
  // Not every fault that undici's parser finds has a code, and a status below 100 is one of its assertions.
  if (code.startsWith('HPE_') || code === 'ERR_ASSERTION' || error.name === 'HTTPParserError') return 'answer is not valid HTTP';
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return `TLS: ${reasonOf(error)}`;
  if (certificate.test(code)) return `TLS: certificate not accepted (${error.message})`;
  return error.message === '' ? error.name : error.message;
}

/** OpenSSL's own words (`wrong version number`): the message around them has addresses and lines of source in it, other ones each time. */
function reasonOf(error: Error & { readonly reason?: unknown }): string {
  return typeof error.reason === 'string' ? error.reason : error.message;
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= textMax ? line : `${line.slice(0, textMax - 1)}…`;
}
