/**
 * Finds the line of a request in a table of methods and paths.
 *
 * Paths are compared as they were sent: no decoding, no folding of case or slashes, so that there is one spelling of each
 * and nothing in front of us can see another path than we do. A path without a variable segment comes before one with it,
 * and of two with one the longer fixed part comes first: `/events/external/{id}` before `/events/{id}/history`.
 *
 * What answers GET answers HEAD: the same call, of whose answer the head alone is written. Monitors and load balancers ask so.
 */

interface Line {
  readonly method: string;
  readonly path: string;
  /** The answer to its GET goes on without an end, so there is no HEAD that could tell of it. */
  readonly isEndless?: boolean;
}

export type Match<Route extends Line> =
  /** `parameter`: the variable segment as sent, percent escapes and all; empty for a path without. */
  | { readonly kind: 'route'; readonly route: Route; readonly parameter: string }
  | { readonly kind: 'wrong-method'; readonly allow: string }
  | { readonly kind: 'no-path' };

type Methods<Route> = Map<string, Route>;

interface Pattern<Route> {
  readonly prefix: string;
  readonly suffix: string;
  readonly methods: Methods<Route>;
}

export class RouteTable<Route extends Line> {
  readonly #fixed = new Map<string, Methods<Route>>();
  readonly #patterns: readonly Pattern<Route>[];

  /** Throws when two lines are the same call: one of them would never be reached. */
  constructor(routes: readonly Route[]) {
    const patterns = new Map<string, Pattern<Route>>();
    for (const route of routes) {
      const [prefix, suffix] = route.path.split(/\{\w+\}/);
      const known = suffix === undefined ? this.#fixed.get(route.path) : patterns.get(`${prefix}{}${suffix}`)?.methods;
      const methods = known ?? new Map<string, Route>();
      if (methods.has(route.method)) throw new Error(`${route.method} ${route.path} stands in the table twice`);
      methods.set(route.method, route);
      if (route.method === 'GET' && route.isEndless !== true) methods.set('HEAD', route);
      if (suffix === undefined) this.#fixed.set(route.path, methods);
      else patterns.set(`${prefix}{}${suffix}`, { prefix: prefix!, suffix, methods });
    }
    this.#patterns = [...patterns.values()].sort(
      (a, b) => b.prefix.length - a.prefix.length || b.suffix.length - a.suffix.length,
    );
  }

  match(method: string, path: string): Match<Route> {
    const methods = this.#fixed.get(path);
    if (methods !== undefined) return choose(methods, method, '');
    for (const { prefix, suffix, methods } of this.#patterns) {
      if (!path.startsWith(prefix) || !path.endsWith(suffix)) continue;
      const parameter = path.slice(prefix.length, path.length - suffix.length);
      if (parameter !== '' && !parameter.includes('/')) return choose(methods, method, parameter);
    }
    return { kind: 'no-path' };
  }
}

function choose<Route extends Line>(methods: Methods<Route>, method: string, parameter: string): Match<Route> {
  const route = methods.get(method);
  return route === undefined
    ? { kind: 'wrong-method', allow: [...methods.keys()].join(', ') }
    : { kind: 'route', route, parameter };
}
