import { type ServerResponse } from 'node:http';
import { type DomainError, ERROR_KINDS } from '../common/errors.js';
import { type RequestContext } from '../common/request-context.js';
import { errorBody } from './error-body.js';
import { DATA_HEADERS } from './security-headers.js';

/** Writes a whole answer at once: its headers as one flat list, name and value in turn, and those of every answer. */
export function writeJson(response: ServerResponse, status: number, headers: string[], body: string): void {
  const length = Buffer.byteLength(body);
  headers.push('Content-Length', String(length), ...DATA_HEADERS);
  response.writeHead(status, headers);
  // ASCII goes out as latin1: writing it is several times cheaper than encoding UTF-8.
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}

/** Writes a failure, with headers of its own besides. */
export function writeProblem(
  response: ServerResponse,
  error: DomainError,
  context: RequestContext,
  more: readonly string[] = [],
): void {
  const { type, text } = errorBody(error, context.id, response.req.url ?? '');
  const headers = context.headers(type);
  if (error.challenge !== undefined) headers.push('WWW-Authenticate', error.challenge);
  if (error.retryAfter !== undefined) headers.push('Retry-After', String(error.retryAfter));
  headers.push(...more);
  writeJson(response, ERROR_KINDS[error.code].http, headers, text);
}
