import { type IncomingMessage, type ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks'; // the global one is looked up at each use
import { Injectable } from '@nestjs/common';
import { redactedJson } from '../common/redacted-json.js';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { type Fields, RequestLog } from './request-log.js';

/** Express's request, as far as it is looked at here. */
export interface ObservedRequest extends IncomingMessage {
  originalUrl?: string;
  route?: { path: string };
}

/** Status that stands in the log for a client that left before its answer (nginx's convention). */
export const CLIENT_CLOSED_REQUEST = 499;
const MAX_URL = 1024;
/** Called every few seconds by machines: logged at level debug only. */
const PROBES = /^\/(health|metrics|v2\/health)(\/|$)|^\/v2\/models\/.*\/ready$/;

/** Who follows requests beside the log and the metrics. Neither method throws, nor waits for anything. */
export interface RequestFollower {
  begin(request: ObservedRequest, context: RequestContext): void;
  end(request: ObservedRequest, context: RequestContext, status: number): void;
}

/** Logs a request's start and end, and counts it. One place for both: each listener has its price. */
@Injectable()
export class RequestObserver {
  /** Set while the service stops and waits no longer: whoever gets no answer now was cut off by it. */
  isCuttingOff = false;
  follower: RequestFollower | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly log: RequestLog,
  ) {}

  /** Observes a request to its end. A second call for the same request does nothing. */
  observe(request: ObservedRequest, response: ServerResponse): void {
    const context = RequestContext.of(request);
    if (context.isObserved) return;
    context.isObserved = true;
    if (this.follower && !isProbe(request)) this.follower.begin(request, context);
    const { LOG_REQUESTS } = this.settings;
    const line = LOG_REQUESTS === 'off' ? undefined : lineOf(request, context);
    if (line && LOG_REQUESTS === 'both') this.log.write(line.level, line.fields, 'request_started');
    // Node emits it once for each response.
    response.on('close', () => {
      const seconds = (performance.now() - context.startedAt) / 1000;
      context.hasLeft = !response.writableFinished;
      const status = context.hasLeft ? CLIENT_CLOSED_REQUEST : response.statusCode;
      this.count(request, status, seconds);
      if (context.trace) this.follower?.end(request, context, status);
      if (line) this.log.write(line.level, line.fields + this.outcome(context, status, seconds), 'request_completed');
    });
  }

  private outcome({ model, version, body, redact }: RequestContext, status: number, seconds: number): Fields {
    let fields = `,"status_code":${status},"duration":${Math.round(seconds * 1e6) / 1e6}`;
    if (model !== undefined) fields += `,"model":${JSON.stringify(model)}`;
    if (version !== undefined) fields += `,"version":${JSON.stringify(version)}`;
    if (this.isCuttingOff && status === CLIENT_CLOSED_REQUEST) fields += ',"cut_off":true';
    if (this.settings.LOG_FEATURES && body !== undefined) fields += `,"body":${redactedJson(body, redact)}`;
    return fields;
  }

  private count({ method = '', route }: ObservedRequest, status: number, seconds: number): void {
    const known = KNOWN_METHODS.has(method) ? method : 'other';
    this.metrics.requests.count(known, route?.path ?? 'unmatched', status, seconds);
  }
}

export const KNOWN_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

/** What both lines of a request have in common. */
function lineOf(request: ObservedRequest, { id, principal, trace }: RequestContext) {
  const level = isProbe(request) ? ('debug' as const) : ('info' as const);
  let fields = `"request_id":${JSON.stringify(id)},"method":"${request.method ?? ''}","url":${JSON.stringify(pathOf(request))}`;
  if (principal) fields += `,"who":${JSON.stringify(principal.name)}`;
  if (trace) fields += `,"trace_id":"${trace.traceId}","span_id":"${trace.spanId}"`;
  return { level, fields };
}

function isProbe(request: ObservedRequest): boolean {
  return request.method === 'GET' && PROBES.test(pathOf(request));
}

/** The path alone: a query may hold what does not belong in a log. */
export function pathOf({ originalUrl, url: sent = '' }: ObservedRequest): string {
  const url = originalUrl ?? sent;
  const end = url.indexOf('?');
  return url.slice(0, Math.min(end === -1 ? url.length : end, MAX_URL));
}
