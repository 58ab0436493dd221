/** `GET /cluster`: which nodes there are and who has which partition, as this node knows it; it asks nobody. */
import { readQuery } from '../http/query.js';
import { replyJson } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { isRefusal, refuse } from '../input/refusal.js';
import type { Answer, Services } from './services.js';

export function readCluster(request: Request, { engine }: Services): Answer {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const view = engine.cluster();
  if (view === null) return refuse('not-found', 'there is no cluster: this node works alone (ESCAPEMENT_CLUSTER is not set)');
  return replyJson(200, JSON.stringify(view));
}
