/** Where the gateway listens: as it is printed for whoever started it, and as others are told. */
import { hostname } from 'node:os';

interface Place {
  readonly host: string;
  /** Null: plain HTTP. */
  readonly tls: unknown;
}

export function urlOf({ host, tls }: Place, port: number): string {
  return `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Every address of the machine is none that anybody else could use, but its name is: of a container or pod it is the container's or pod's. */
export function addressOf(place: Place, port: number, machine = hostname()): string {
  return urlOf(everywhere.includes(place.host) ? { ...place, host: machine } : place, port);
}

const everywhere = ['0.0.0.0', '::'];
