/**
 * The ways of nodes to NATS, each of its own, and what is done to them.
 *
 * A node has one for each nats-server. All of them are hindered together: it is the node that is cut off, or nearly.
 */
import { pause } from '../support/deadline.js';
import type { NatsServer } from '../support/nats-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import type { Hindrance } from './cluster-faults.js';

/** Longer than anybody waits for an answer. */
const lateMs = 5_000;
const slowBytesPerSecond = 1_000;

export class Ways {
  readonly #proxies: ReadonlyMap<string, readonly TcpProxy[]>;

  private constructor(proxies: ReadonlyMap<string, readonly TcpProxy[]>) {
    this.#proxies = proxies;
  }

  static async open(nodes: readonly string[], nats: readonly NatsServer[]): Promise<Ways> {
    const proxies = new Map<string, readonly TcpProxy[]>();
    for (const node of nodes) proxies.set(node, await Promise.all(nats.map(({ port }) => TcpProxy.to(port))));
    return new Ways(proxies);
  }

  /** As it is told where NATS is. */
  urlsOf(node: string): string {
    return this.#of(node)
      .map(({ url }) => url)
      .join();
  }

  /** Resolves when they are as before. */
  async hinder({ node, by, forMs }: { readonly node: string; readonly by: Hindrance; readonly forMs: number }): Promise<void> {
    const proxies = this.#of(node);
    for (const proxy of proxies) hindrances[by](proxy);
    await pause(forMs);
    for (const proxy of proxies) proxy.flow();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].flat().map((proxy) => proxy.close()));
  }

  #of(node: string): readonly TcpProxy[] {
    return this.#proxies.get(node) ?? [];
  }
}

const hindrances: Readonly<Record<Hindrance, (proxy: TcpProxy) => void>> = {
  deafen: (proxy) => proxy.hold('down'),
  mute: (proxy) => proxy.hold('up'),
  delay: (proxy) => proxy.delay(lateMs),
  slow: (proxy) => proxy.slow(slowBytesPerSecond),
  refuse: (proxy) => proxy.refuse(),
};
