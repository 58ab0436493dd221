/** `GET /problems/{code}`: what the `type` of a problem document points to. */
import { problemText } from '../http/problem.js';
import { readQuery } from '../http/query.js';
import { replyText } from '../http/reply.js';
import type { Request } from '../http/request.js';
import { isRefusal, refuse } from '../input/refusal.js';
import type { Answer } from './services.js';

export function readProblem(request: Request): Answer {
  const query = readQuery(request.query, []);
  if (isRefusal(query)) return query;
  const text = problemText(request.parameter);
  return text === null
    ? refuse('not-found', 'there is no problem of this name')
    : replyText(200, 'text/plain; charset=utf-8', text);
}
