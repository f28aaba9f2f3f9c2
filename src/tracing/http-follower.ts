import { type RequestContext } from '../common/request-context.js';
import { type Tracer } from '../common/trace.js';
import {
  CLIENT_CLOSED_REQUEST,
  KNOWN_METHODS,
  type ObservedRequest,
  pathOf,
  type RequestFollower,
} from '../logging/request-observer.js';

type Details = Record<string, string | number | boolean>;

/** Gives HTTP requests a trace, in OpenTelemetry's words for HTTP servers. */
export class HttpFollower implements RequestFollower {
  constructor(private readonly tracer: Tracer) {}

  begin({ headers }: ObservedRequest, context: RequestContext): void {
    context.trace = this.tracer.begin(headers, context.startedAt);
  }

  end(request: ObservedRequest, context: RequestContext, status: number): void {
    const { trace } = context;
    if (!trace?.isRecorded) return;
    const { method = '', route } = request;
    const known = KNOWN_METHODS.has(method) ? method : 'HTTP';
    const details: Details = { 'nestor.request_id': context.id };
    describeRequest(request, details);
    describeOutcome(context, status, details);
    trace.end({ name: route ? `${known} ${route.path}` : known, details, hasFailed: status >= 500 });
  }
}

function describeRequest(request: ObservedRequest, details: Details): void {
  const { method = '', httpVersion, headers, route } = request;
  const { host = '', 'user-agent': agent } = headers;
  const isKnown = KNOWN_METHODS.has(method);
  details['http.request.method'] = isKnown ? method : '_OTHER';
  if (!isKnown) details['http.request.method_original'] = method;
  details['url.scheme'] = 'http';
  details['url.path'] = pathOf(request);
  details['network.protocol.version'] = httpVersion;
  if (route) details['http.route'] = route.path;
  if (agent !== undefined) details['user_agent.original'] = agent;
  const [, name, port] = /^(.+?)(?::(\d{1,5}))?$/.exec(host) ?? [];
  if (name !== undefined) details['server.address'] = name;
  if (port !== undefined) details['server.port'] = Number(port);
}

function describeOutcome({ model, version, failure }: RequestContext, status: number, details: Details): void {
  if (model !== undefined) details['nestor.model'] = model;
  if (version !== undefined) details['nestor.version'] = version;
  if (failure !== undefined) details['nestor.error_code'] = failure;
  if (status === CLIENT_CLOSED_REQUEST) details['nestor.client_left'] = true;
  else details['http.response.status_code'] = status;
  if (status >= 500) details['error.type'] = failure ?? String(status);
}
