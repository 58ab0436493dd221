/**
 * From a request to its answer, whatever the server underneath: which call it is, whether it may be made, and what becomes
 * of refusals and errors. Every request passes here, upgrades too, and nothing is looked at before the gatekeeper has let it in,
 * but its framing and which call it is.
 */
import { EngineError } from '../engine/index.js';
import { type Caller, type Gatekeeper, notKnown, withHeaders } from './access/gatekeeper.js';
import { queryToken } from './access/query-token.js';
import { type AnswerListener, AnswerToCome, type LateAnswer } from './handler/answer-to-come.js';
import type { Answer, Services } from './handler/services.js';
import { problemReply, refusalOf } from './http/problem.js';
import type { Reply } from './http/reply.js';
import type { Request } from './http/request.js';
import type { RequestHead } from './http/request-head.js';
import { isRefusal, refuse } from './input/refusal.js';
import type { MemoryGauge } from './memory-gauge.js';
import { matchRoute, type Route, streamPath, streamRoute } from './routes.js';
import { judgeUpgrade } from './ws/upgrade.js';

/** A request whose body may be received now. */
export interface Call {
  readonly route: Route;
  readonly parameter: string;
  readonly caller: Caller;
  /** For the answer, whatever it is. */
  readonly headers: Reply['headers'];
}

/** A request that may become a WebSocket now. */
export interface Upgrade {
  readonly caller: Caller;
  /** They belong into the answer. */
  readonly headers: Reply['headers'];
}

/** Who waits for the answer to a call. */
export interface Answerable {
  answer(reply: Reply): void;
}

interface Incoming {
  readonly path: string;
  readonly query: string;
  readonly head: RequestHead;
}

export interface CallsOptions {
  readonly services: Services;
  readonly gatekeeper: Gatekeeper;
  /** New events are refused while it is short. */
  readonly memory: Pick<MemoryGauge, 'isShort'>;
  /** Of a cluster, without a front door: it answers what is `onEngines`. */
  readonly isEngine: boolean;
  /** Told of every error that is no refusal: a defect. */
  readonly report: (error: unknown, requestId: string) => void;
}

export class Calls {
  readonly #services: Services;
  readonly #gatekeeper: Gatekeeper;
  readonly #memory: CallsOptions['memory'];
  readonly #isEngine: boolean;
  readonly #report: CallsOptions['report'];
  #stopping = false;

  constructor({ services, gatekeeper, memory, isEngine, report }: CallsOptions) {
    this.#services = services;
    this.#gatekeeper = gatekeeper;
    this.#memory = memory;
    this.#isEngine = isEngine;
    this.#report = report;
  }

  /** From now on work is refused with `stopping`. */
  stop(): void {
    this.#stopping = true;
  }

  /** Judged by its head alone. A Reply is final and its body need not be read. */
  admit({ method, path, query, head }: Incoming & { readonly method: string }): Call | Reply {
    const fault = head.framingFault();
    if (fault !== null) return closing(problemReply(refuse('malformed-request', fault), path));
    const match = matchRoute(method, path);
    if (match.kind === 'wrong-method') {
      const reply = problemReply(refuse('method-not-allowed', `${path} answers ${match.allow}`), path);
      return { ...reply, headers: [['Allow', match.allow]] };
    }
    if (match.kind === 'no-path') return problemReply(refuse('not-found', `there is no ${path}`), path);
    const { route, parameter } = match;
    if (this.#isEngine && !route.onEngines) return misdirected(path);
    const admission = this.#ask(route, { path, query, head });
    if ('refused' in admission) return admission.refused;
    const refused = this.#refuseUnread(route, { path, head });
    return refused === null
      ? { route, parameter, caller: admission.caller, headers: admission.headers }
      : withHeaders(refused, admission.headers);
  }

  /** What can be said before a body is received. */
  #refuseUnread(route: Route, { path, head }: Pick<Incoming, 'path' | 'head'>): Reply | null {
    if (this.#stopping && !route.whileStopping) return closing(problemReply(refuse('stopping', 'Escapement is stopping'), path));
    if (head.bodyBytes > route.bodyBytesMax) return tooLarge(route, path);
    if (head.contentEncoding !== null && head.bodyBytes !== 0) {
      const refusal = refuse('unsupported-media-type', 'bodies are taken as they are, without a Content-Encoding');
      return withHeaders(problemReply(refusal, path), [['Accept-Encoding', 'identity']]);
    }
    // It would take more of what is short.
    if (route.bringsWork && this.#memory.isShort) {
      return closing(problemReply(refuse('overloaded', 'memory is short: new events are refused for now'), path));
    }
    return null;
  }

  /** The same for a request to become a WebSocket. A refusal closes the connection. */
  admitUpgrade({ query, head }: Pick<Incoming, 'query' | 'head'>): Upgrade | Reply {
    const fault = head.framingFault();
    if (fault !== null) return closing(problemReply(refuse('malformed-request', fault), streamPath));
    if (this.#isEngine) return closing(misdirected(streamPath));
    const admission = this.#ask(streamRoute, { path: streamPath, query, head });
    if ('refused' in admission) return closing(admission.refused);
    const refusal = judgeUpgrade({ head, query, stopping: this.#stopping });
    return refusal === null ? admission : withHeaders(closing(problemReply(refusal, streamPath)), admission.headers);
  }

  /** Whether whoever opened a stream may still listen. */
  mayStay(caller: Caller): boolean {
    return streamRoute.scope === 'none' || this.#gatekeeper.stillMay(caller, streamRoute.scope);
  }

  #ask({ scope, tokenInQuery }: Route, { path, query, head }: Incoming) {
    const token = tokenInQuery ? queryToken(query) : null;
    return this.#gatekeeper.admit({ scope, path, credentials: { authorization: head.authorization, token }, from: head });
  }

  /** `exchange` is answered once, later as a rule. */
  perform(call: Call, request: Request, exchange: Answerable): void {
    const made = new MadeCall(this, { call, request, exchange });
    const answer = this.#begin(call.route, request);
    if (answer instanceof AnswerToCome) answer.whenSettled(made);
    else {
      const fail = (error: unknown) => made.settled(error instanceof Error ? error : new Error(String(error)));
      answer.then((settled) => made.settled(settled), fail);
    }
  }

  #begin(route: Route, request: Request): Promise<Answer> | AnswerToCome {
    try {
      const answer = route.handler(request, this.#services);
      return answer instanceof AnswerToCome ? answer : Promise.resolve(answer);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  replyOf(answer: LateAnswer, { headers, caller }: Call, request: Request): Reply {
    const reply = answer instanceof Error ? this.#excuse(answer, request) : asReply(answer, request.path);
    // What is about to go on without an end would not be looked at again before the keys change once more.
    const isLate = reply.sequel !== undefined && !this.mayStay(caller);
    if (isLate) reply.sequel?.abandon();
    return withHeaders(isLate ? notKnown(request.path) : reply, headers);
  }

  #excuse(error: Error, { path, requestId }: Request): Reply {
    if (error instanceof EngineError) return problemReply(refusalOf(error), path);
    this.#report(error, requestId.text);
    return problemReply(refuse('internal', `please report this with the request id ${requestId.text}`), path);
  }
}

/** Has no answer yet. */
class MadeCall implements AnswerListener {
  readonly #calls: Calls;
  readonly #call: Call;
  readonly #request: Request;
  readonly #exchange: Answerable;

  constructor(calls: Calls, { call, request, exchange }: { call: Call; request: Request; exchange: Answerable }) {
    this.#calls = calls;
    this.#call = call;
    this.#request = request;
    this.#exchange = exchange;
  }

  settled(answer: LateAnswer): void {
    this.#exchange.answer(this.#calls.replyOf(answer, this.#call, this.#request));
  }
}

/** Not a 404: nobody must believe that an event is not there because an engine was asked for it. */
function misdirected(path: string): Reply {
  const detail = 'this node is an engine of a cluster and answers /health and /metrics only: ask a gateway';
  return closing(problemReply(refuse('misdirected', detail), path));
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
