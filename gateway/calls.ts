/**
 * From a request to its answer, whatever the server underneath: which call it is, whether it may go on, and what becomes
 * of refusals and errors. Every request passes here, so this is also where authentication will stand.
 */
import { EngineError } from '../engine/index.js';
import type { Answer, Services } from './handler/services.js';
import { problemReply, refusalOf } from './http/problem.js';
import type { Reply } from './http/reply.js';
import type { Request } from './http/request.js';
import type { RequestHead } from './http/request-head.js';
import { isRefusal, refuse } from './input/refusal.js';
import { matchRoute, type Route } from './routes.js';

/** A request whose body may be received now. */
export interface Call {
  readonly route: Route;
  readonly parameter: string;
}

export interface CallsOptions {
  readonly services: Services;
  /** Told of every error that is no refusal: a defect. */
  readonly report: (error: unknown, requestId: string) => void;
}

export class Calls {
  readonly #services: Services;
  readonly #report: CallsOptions['report'];
  #stopping = false;

  constructor({ services, report }: CallsOptions) {
    this.#services = services;
    this.#report = report;
  }

  /** From now on work is refused with `stopping`. */
  stop(): void {
    this.#stopping = true;
  }

  /** Judged by its head alone. A Reply is final and its body need not be read. */
  admit({ method, path, head }: { method: string; path: string; head: RequestHead }): Call | Reply {
    const fault = head.framingFault();
    if (fault !== null) return closing(problemReply(refuse('malformed-request', fault), path));
    const match = matchRoute(method, path);
    if (match.kind === 'wrong-method') {
      const reply = problemReply(refuse('method-not-allowed', `${path} answers ${match.allow}`), path);
      return { ...reply, headers: [['Allow', match.allow]] };
    }
    if (match.kind === 'no-path') return problemReply(refuse('not-found', `there is no ${path}`), path);
    if (this.#stopping && !match.route.whileStopping)
      return closing(problemReply(refuse('stopping', 'Escapement is stopping'), path));
    if (head.bodyBytes > match.route.bodyBytesMax) return tooLarge(match.route, path);
    return match;
  }

  /** Never rejects. */
  async perform(route: Route, request: Request): Promise<Reply> {
    try {
      return asReply(await route.handler(request, this.#services), request.path);
    } catch (error) {
      if (error instanceof EngineError) return problemReply(refusalOf(error), request.path);
      this.#report(error, request.requestId);
      return problemReply(refuse('internal', `please report this with the request id ${request.requestId}`), request.path);
    }
  }
}

/** Its body is longer than the call allows, as declared or as counted. */
export function tooLarge(route: Route, path: string): Reply {
  return closing(problemReply(refuse('too-large', `the body may have at most ${route.bodyBytesMax} bytes`), path));
}

/** The bodies of all requests together fill the room there is. */
export function noRoomForBody(path: string): Reply {
  return closing(problemReply(refuse('overloaded', 'too many request bodies are being received'), path));
}

function asReply(answer: Answer, path: string): Reply {
  return isRefusal(answer) ? problemReply(answer, path) : answer;
}

function closing(reply: Reply): Reply {
  return { ...reply, close: true };
}
