/** `docker-compose.yml` as compose reads it: anchors, merges, and variables of `.env` by their defaults. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
  readonly deploy?: { readonly resources: { readonly limits: { readonly memory: string } } };
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export function readCompose(): Compose {
  const text = readFileSync('docker-compose.yml', 'utf8').replace(/\$\{\w+:-(\w+)\}/g, '$1');
  return parse(text, { merge: true }) as Compose;
}

/** Those that run Escapement. */
export function escapementsOf({ services }: Compose): [name: string, service: Service][] {
  return Object.entries(services).filter(([, { image }]) => image === 'escapement');
}

/** Any file of YAML in the project. */
export function readYaml<Shape>(path: string): Shape {
  return parse(readFileSync(path, 'utf8'), { merge: true }) as Shape;
}
