/**
 * Where NATS is and as whom to go there: `nats://user:password@host:4222,nats://other:4222`.
 *
 * Several servers of one cluster are separated by commas; those that they name themselves are found in any case. Whoever is named first speaks
 * for all: the client logs in everywhere as the same. `tls://` asks for a secure connection, and a word before the `@` that has no `:` is a token.
 */
export interface NatsAddress {
  /** `host:port` each. */
  readonly servers: readonly string[];
  readonly login: { readonly user: string; readonly pass: string } | { readonly token: string } | null;
  readonly tls: boolean;
}

/** What can be shown to anybody: without the login. */
export function shownAddress({ servers }: NatsAddress): string {
  return servers.join(', ');
}

/** Undefined for a text that is no address. */
export function readNatsAddress(text: string): NatsAddress | undefined {
  const urls = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(readUrl);
  const [first] = urls;
  if (first === undefined || urls.some((url) => url === undefined)) return undefined;
  const all = urls as URL[];
  return {
    servers: all.map((url) => (url.port === '' ? `${url.hostname}:4222` : url.host)),
    login: loginOf(first),
    tls: all.some(({ protocol }) => protocol === 'tls:'),
  };
}

function readUrl(text: string): URL | undefined {
  const full = text.includes('://') ? text : `nats://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  const isPlain = (url.pathname === '' || url.pathname === '/') && url.search === '' && url.hash === '';
  return isPlain && url.hostname !== '' && (url.protocol === 'nats:' || url.protocol === 'tls:') ? url : undefined;
}

function loginOf({ username, password }: URL): NatsAddress['login'] {
  if (username === '') return null;
  const user = decodeURIComponent(username);
  return password === '' ? { token: user } : { user, pass: decodeURIComponent(password) };
}
