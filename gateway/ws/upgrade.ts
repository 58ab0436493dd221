/** Can this request become a WebSocket, now that it may? The library only looks at `Sec-WebSocket-Key`; RFC 6455, 4.2.1 asks for more. */
import { readQuery } from '../http/query.js';
import type { RequestHead } from '../http/request-head.js';
import { isRefusal, type Refusal, refuse } from '../input/refusal.js';

/** The gatekeeper has looked at it. */
const parameters = ['token'];

export function judgeUpgrade({ head, query, stopping }: { head: RequestHead; query: string; stopping: boolean }): Refusal | null {
  const fault = handshakeFault(head);
  if (fault !== null) return refuse('malformed-request', fault);
  if (stopping) return refuse('stopping', 'Escapement is stopping');
  const known = readQuery(query, parameters);
  return isRefusal(known) ? known : null;
}

function handshakeFault(head: RequestHead): string | null {
  if (head.bodyBytes !== 0) return 'an upgrade has no body';
  if (head.upgrade?.toLowerCase() !== 'websocket') return 'the header Upgrade must be websocket';
  if (head.webSocketVersion !== '13') return 'the header Sec-WebSocket-Version must be 13';
  if (head.webSocketKey === null || !/^[A-Za-z0-9+/]{22}==$/.test(head.webSocketKey))
    return 'the header Sec-WebSocket-Key is not valid';
  return null;
}
