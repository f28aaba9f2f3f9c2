import { type IncomingMessage, type ServerResponse } from 'node:http';
import { RequestContext } from '../common/request-context.js';
import { DATA_HEADERS } from './security-headers.js';

const METHODS = 'GET, HEAD, POST, PUT, DELETE';
const TAKEN = [
  'Authorization',
  'Cache-Control',
  'Content-Encoding',
  'Content-Type',
  'Inference-Header-Content-Length',
  'X-API-Key',
  'X-Model-Version',
  'X-Request-Id',
  'X-Request-Timeout-Ms',
  'traceparent',
  'tracestate',
].join(', ');
const SHOWN = [
  'Age',
  'Inference-Header-Content-Length',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Server-Timing',
  'WWW-Authenticate',
  'X-Cache',
  'X-Cache-Hits',
  'X-Model-Name',
  'X-Model-Version',
  'X-Request-Id',
  'traceparent',
].join(', ');
/** Seconds for which a browser need not ask again; none keeps it for longer. */
const MAX_AGE_S = 7200;

/**
 * Which pages of other origins may read answers. Cookies are no credentials here, so a page can do no more than whoever
 * runs it: it must know a key, or reach a service that asks for none.
 */
export class Cors {
  private readonly byOrigin = new Map<string, readonly string[]>();
  /** For a request of a page that may not read it, or of no page. */
  private readonly others: readonly string[];

  /** @param origins as browsers write them, or `*` for any */
  constructor(origins: readonly string[]) {
    const isForAll = origins.includes('*');
    // The answer to one origin must not be given to another out of a cache.
    this.others = isForAll ? allow('*') : ['Vary', 'Origin'];
    if (!isForAll) for (const origin of origins) this.byOrigin.set(origin, [...this.others, ...allow(origin)]);
  }

  /**
   * Notes what the answer says to its page. Answers a preflight, for any path: what may be asked is decided when it is.
   *
   * @returns whether it has been answered
   */
  answers(request: IncomingMessage, response: ServerResponse): boolean {
    const { origin, 'access-control-request-method': wanted } = request.headers;
    const headers = (origin === undefined ? undefined : this.byOrigin.get(origin)) ?? this.others;
    RequestContext.of(request).corsHeaders = headers;
    if (request.method !== 'OPTIONS' || origin === undefined || wanted === undefined) return false;
    const preflight = ['Access-Control-Allow-Methods', METHODS, 'Access-Control-Allow-Headers', TAKEN];
    preflight.push('Access-Control-Max-Age', String(MAX_AGE_S));
    response.writeHead(204, [...headers, ...preflight, ...DATA_HEADERS]).end();
    return true;
  }
}

function allow(origin: string): string[] {
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', SHOWN];
}
