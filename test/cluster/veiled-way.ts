/**
 * The way of one node to NATS, on which it does not get to see sessions of others, its own session outlasts it on the server, or its claims come all at once with those of
 * others. It knows what passes by its text: the frames of NATS's protocol, and what `session-text.ts` writes.
 */
import { type Direction, TcpProxy } from '../support/tcp-proxy.js';
import type { NatsServer } from '../support/nats-server.js';
import type { Teardowns } from '../support/server.js';

/** `refused`: NATS never has them. `held`: with the first one everything waits, until `passed`. */
type Claims = 'refused' | 'held' | 'passed';

const claimFrame = /HPUB escapement\.p\.(\d+)\.o /g;
const sessionOpening = /\{"node":"([^"]+)","address":/g;
/** Of the same length: nine minutes. */
const timesToLive = { asTold: 'Nats-TTL: 8s', lengthened: 'Nats-TTL: 9m' };

export class VeiledWay {
  /** Nodes that this one does not see. */
  readonly hidden = new Set<string>();
  /** The server keeps this node's sessions for longer than it is asked to. */
  outlasts = false;
  /** Times to live that were lengthened. */
  outlasted = 0;
  claims: Claims = 'passed';
  /** Partitions that were claimed since `forget`. */
  readonly claimed = new Set<number>();
  readonly #proxy: TcpProxy;

  private constructor(proxy: TcpProxy) {
    this.#proxy = proxy;
    proxy.interpret((text, direction) => this.#interpret(text, direction));
  }

  static async open(t: Teardowns, nats: NatsServer): Promise<VeiledWay> {
    return new VeiledWay(await TcpProxy.start(t, nats.port));
  }

  get url(): string {
    return this.#proxy.url;
  }

  /** Claims, too. */
  passAll(): void {
    this.claims = 'passed';
    this.#proxy.flow();
  }

  #interpret(text: string, direction: Direction): string {
    return direction === 'down' ? this.#hide(text) : this.#delayEnds(this.#hearClaims(text));
  }

  /** What is no JSON is nobody's session. */
  #hide(text: string): string {
    return text.replace(sessionOpening, (opening, node: string) => (this.hidden.has(node) ? `[${opening.slice(1)}` : opening));
  }

  #delayEnds(text: string): string {
    if (!this.outlasts) return text;
    this.outlasted += text.split(timesToLive.asTold).length - 1;
    return text.replaceAll(timesToLive.asTold, timesToLive.lengthened);
  }

  #hearClaims(text: string): string {
    return text.replace(claimFrame, (frame, partition: string) => {
      this.claimed.add(Number(partition));
      if (this.claims === 'held') this.#proxy.hold('up');
      // A subject that no stream has.
      return this.claims === 'refused' ? frame.replace('.p.', '.x.') : frame;
    });
  }
}
