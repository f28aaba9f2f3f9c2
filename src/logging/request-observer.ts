import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';

/** Express's request, as far as it is looked at here. */
export interface ObservedRequest extends IncomingMessage {
  originalUrl?: string;
  route?: { path: string };
}

/** Status that stands in the log for a client that left before its answer (nginx's convention). */
const CLIENT_CLOSED_REQUEST = 499;
const MAX_URL = 1024;
/** Called every few seconds by machines: logged at level debug only. */
const PROBES = /^\/(health|metrics)(\/|$)/;

/** Logs a request's start and end, and counts it. One place for both: each listener has its price. */
@Injectable()
export class RequestObserver {
  private readonly logger: PinoLogger['logger'];

  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    { logger }: PinoLogger,
  ) {
    this.logger = logger; // pino itself: the wrapper looks for a request's own logger at each line, and there is none
  }

  /** Observes a request to its end. A second call for the same request does nothing. */
  observe(request: ObservedRequest, response: ServerResponse): void {
    const context = RequestContext.of(request);
    if (context.isObserved) return;
    context.isObserved = true;
    const url = pathOf(request.originalUrl ?? request.url ?? '');
    const about = { request_id: context.id, method: request.method, url };
    const level = request.method === 'GET' && PROBES.test(url) ? 'debug' : 'info';
    const { LOG_REQUESTS, LOG_FEATURES } = this.settings;
    if (LOG_REQUESTS === 'both') this.logger[level](about, 'request_started');
    response.once('close', () => {
      const seconds = (performance.now() - context.startedAt) / 1000;
      context.hasLeft = !response.writableFinished;
      const status = context.hasLeft ? CLIENT_CLOSED_REQUEST : response.statusCode;
      this.count(request, status, seconds);
      if (LOG_REQUESTS === 'off') return;
      const { model, version, body } = context;
      this.logger[level](
        {
          ...about,
          status_code: status,
          duration: Number(seconds.toFixed(6)),
          model,
          version,
          ...(LOG_FEATURES && { body }),
        },
        'request_completed',
      );
    });
  }

  private count({ method = '', route }: ObservedRequest, status: number, seconds: number): void {
    const path = route?.path ?? 'unmatched';
    const known = KNOWN_METHODS.has(method) ? method : 'other';
    this.metrics.requests.inc({ method: known, route: path, status });
    this.metrics.requestSeconds.observe({ method: known, route: path }, seconds);
  }
}

const KNOWN_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

/** The path alone: a query may hold what does not belong in a log. */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  return url.slice(0, Math.min(end === -1 ? url.length : end, MAX_URL));
}
