import { type RequestContext } from '../common/request-context.js';
import { type TraceDetails, type Tracer } from '../common/trace.js';
import {
  CLIENT_CLOSED_REQUEST,
  KNOWN_METHODS,
  type ObservedRequest,
  pathOf,
  type RequestFollower,
} from '../logging/request-observer.js';

/** Gives HTTP requests a trace, in OpenTelemetry's words for HTTP servers. */
export class HttpFollower implements RequestFollower {
  constructor(private readonly tracer: Tracer) {}

  begin({ headers }: ObservedRequest, context: RequestContext): void {
    context.trace = this.tracer.begin(headers, context.startedAt);
  }

  end(request: ObservedRequest, context: RequestContext, status: number): void {
    const { method = '', route } = request;
    const known = KNOWN_METHODS.has(method) ? method : 'HTTP';
    context.trace?.end({
      name: route ? `${known} ${route.path}` : known,
      details: { ...detailsOf(request), ...outcomeOf(context, status) },
      hasFailed: status >= 500,
    });
  }
}

function detailsOf(request: ObservedRequest): TraceDetails {
  const { method = '', httpVersion, headers, route } = request;
  const { host = '', 'user-agent': agent } = headers;
  const [, name, port] = /^(.+?)(?::(\d{1,5}))?$/.exec(host) ?? [];
  return {
    ...(KNOWN_METHODS.has(method)
      ? { 'http.request.method': method }
      : { 'http.request.method': '_OTHER', 'http.request.method_original': method }),
    'url.scheme': 'http',
    'url.path': pathOf(request),
    'network.protocol.version': httpVersion,
    ...(route && { 'http.route': route.path }),
    ...(name !== undefined && { 'server.address': name }),
    ...(port !== undefined && { 'server.port': Number(port) }),
    ...(agent !== undefined && { 'user_agent.original': agent }),
  };
}

function outcomeOf({ id, model, version, failure }: RequestContext, status: number): TraceDetails {
  const hasLeft = status === CLIENT_CLOSED_REQUEST;
  return {
    'nestor.request_id': id,
    ...(model !== undefined && { 'nestor.model': model }),
    ...(version !== undefined && { 'nestor.version': version }),
    ...(failure !== undefined && { 'nestor.error_code': failure }),
    ...(hasLeft ? { 'nestor.client_left': true } : { 'http.response.status_code': status }),
    ...(!hasLeft && status >= 500 && { 'error.type': failure ?? String(status) }),
  };
}
