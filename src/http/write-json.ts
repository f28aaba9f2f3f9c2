import { type ServerResponse } from 'node:http';
import { type DomainError, ERROR_KINDS } from '../common/errors.js';
import { type RequestContext } from '../common/request-context.js';
import { errorBody } from './error-body.js';
import { DATA_HEADERS } from './security-headers.js';

/** What lies behind Node's writeHead: puts the end of the head after these lines, and what Node adds of its own. */
interface HeadWriter {
  _storeHeader(lines: string, headers: readonly string[]): void;
}

const DATA_LINES = linesOf(DATA_HEADERS);

/**
 * Writes a whole answer at once, with the headers of every answer besides its own.
 *
 * @param headers of this answer as a flat list, name and value in turn. They go out as they are: Node would check each
 *   character again, 7 % of a small prediction, and what comes from outside was checked where it came in
 * @param length bytes of the body in UTF-8
 */
export function writeJson(response: ServerResponse, headers: readonly string[], body: string, length: number): void {
  const last = ['Content-Length', String(length)];
  if (!response.headersSent && response.getHeaderNames().length === 0) {
    response.statusCode = 200;
    const lines = `HTTP/1.1 200 OK\r\n${DATA_LINES}${linesOf(headers)}`;
    (response as ServerResponse & HeadWriter)._storeHeader(lines, last);
  } else {
    response.writeHead(200, [...DATA_HEADERS, ...headers, ...last]); // it came through Express, and has some
  }
  end(response, body, length);
}

/** Writes a failure, with headers of its own besides. */
export function writeProblem(
  response: ServerResponse,
  error: DomainError,
  context: RequestContext,
  more: readonly string[] = [],
): void {
  const { type, text } = errorBody(error, context.id, response.req.url ?? '');
  const headers = [...context.headers(type), ...more, ...DATA_HEADERS];
  if (error.challenge !== undefined) headers.push('WWW-Authenticate', error.challenge);
  if (error.retryAfter !== undefined) headers.push('Retry-After', String(error.retryAfter));
  const length = Buffer.byteLength(text);
  headers.push('Content-Length', String(length));
  response.writeHead(ERROR_KINDS[error.code].http, headers);
  end(response, text, length);
}

function linesOf(headers: readonly string[]): string {
  let lines = '';
  for (let at = 0; at < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return lines;
}

/** @param length bytes of the body: ASCII goes out as latin1, which is several times cheaper than encoding UTF-8 */
function end(response: ServerResponse, body: string, length: number): void {
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}
