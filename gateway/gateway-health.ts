/**
 * How the gateway itself is doing, beside what the engine says of itself: whether memory is short, so that new events are refused, and whether the
 * file of API keys can be used. Neither makes it unready: what was accepted goes on, and the keys known before stay in force.
 */
import type { Engine, Health } from '../engine/index.js';
import type { MemoryGauge } from './memory-gauge.js';

export interface GatewayHealthParts {
  readonly engine: Pick<Engine, 'health'>;
  readonly memory: Pick<MemoryGauge, 'isShort'>;
  /** Null: no keys are asked for. */
  readonly keys: { readonly fault: string | null } | null;
}

export class GatewayHealth {
  readonly #parts: GatewayHealthParts;

  constructor(parts: GatewayHealthParts) {
    this.#parts = parts;
  }

  now(): Health {
    const { engine, memory, keys } = this.#parts;
    const health = engine.health();
    const components = [componentOf('memory', memory.isShort ? 'short: new events are refused for now' : null)];
    if (keys !== null) components.push(componentOf('api keys', keys.fault));
    const isWell = components.every(({ status }) => status === 'ready');
    const status = health.status === 'ready' && !isWell ? 'degraded' : health.status;
    return { ...health, status, components: [...health.components, ...components] };
  }
}

function componentOf(name: string, fault: string | null): Health['components'][number] {
  return { name, status: fault === null ? 'ready' : 'degraded', detail: fault };
}
