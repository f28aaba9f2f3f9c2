import { type DomainError } from '../common/errors.js';
import { toProblem } from './problem.dto.js';

/** Where the Open Inference Protocol has errors of its own form. Express's paths have no case. */
const OPEN_INFERENCE = /^\/v2(?![^/?#])/i;

/** The body of a failure's answer: as RFC 9457 has it, and under /v2 as the Open Inference Protocol has it. */
export function errorBody(error: DomainError, requestId: string, url: string): { type: string; text: string } {
  if (OPEN_INFERENCE.test(url)) return { type: 'application/json', text: JSON.stringify({ error: error.message }) };
  return { type: 'application/problem+json; charset=utf-8', text: JSON.stringify(toProblem(error, requestId)) };
}
