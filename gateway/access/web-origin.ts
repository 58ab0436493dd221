/**
 * Does a request come from a web page of another site?
 *
 * Where no key is asked for, whoever can connect is trusted, and a browser on the same machine can. A page from anywhere may make it
 * open a WebSocket or send a POST there without being asked first; it always says so in `Origin`. Pages of this machine, and those that
 * came from the same host as the request went to, are no strangers.
 */
export interface WebOrigin {
  /** The header. Null: not from a page, or from one that may read the answer anyway. */
  readonly origin: string | null;
  readonly host: string | null;
}

export function isForeign({ origin, host }: WebOrigin): boolean {
  if (origin === null) return false;
  const url = URL.canParse(origin) ? new URL(origin) : null;
  if (url === null || url.host === '') return true;
  const isLoopback = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname);
  return !isLoopback && url.host !== host?.toLowerCase();
}
