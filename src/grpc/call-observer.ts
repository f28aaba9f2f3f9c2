import { Injectable } from '@nestjs/common';
import { type RequestContext } from '../common/request-context.js';
import { type Trace } from '../common/trace.js';
import { Settings } from '../config/settings.js';
import { type Fields, RequestLog } from '../logging/request-log.js';
import { RequestObserver } from '../logging/request-observer.js';
import { Metrics } from '../metrics/metrics.js';
import { Tracing } from '../tracing/tracing.js';
import { type Call } from './call.js';
import { CANCELLED, isServerFault, nameOf, UNIMPLEMENTED } from './status.js';

/** A method by its full name: `inference.GRPCInferenceService`, `ModelInfer`. */
export interface Endpoint {
  service: string;
  method: string;
}

const UNMATCHED: Endpoint = { service: 'unmatched', method: 'unmatched' };

/** Logs a call's start and end, and counts it, as RequestObserver does for HTTP. */
@Injectable()
export class CallObserver {
  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly log: RequestLog,
    private readonly requests: RequestObserver,
    private readonly tracing: Tracing,
  ) {}

  /**
   * @param endpoint one that there is: each is kept for good in the metrics
   * @param isProbe true logs it at level debug, false at info
   * @returns to be called at the end of the call, with its status
   */
  begin(endpoint: Endpoint, isProbe: boolean, call: Call): (status: number) => void {
    const { LOG_REQUESTS } = this.settings;
    const { context } = call;
    if (!isProbe) context.trace = this.tracing.tracer?.begin(call.headers, context.startedAt);
    const level = isProbe ? 'debug' : 'info';
    const fields = LOG_REQUESTS === 'off' ? undefined : fieldsOf(endpoint, context);
    if (fields !== undefined && LOG_REQUESTS === 'both') this.log.write(level, fields, 'request_started');
    return (status) => {
      const seconds = (performance.now() - context.startedAt) / 1000;
      this.count(endpoint, status, seconds);
      if (context.trace) endTrace(context.trace, endpoint, context, status);
      if (fields === undefined) return;
      this.log.write(level, fields + this.outcome(context, status, seconds), 'request_completed');
    };
  }

  /** Counts a call of a method that there is not: its name is the client's, and stands nowhere. */
  unknown(): void {
    this.count(UNMATCHED, UNIMPLEMENTED, 0);
  }

  private count({ method, service }: Endpoint, status: number, seconds: number): void {
    this.metrics.calls.count(method, service, nameOf(status), seconds);
  }

  private outcome({ model, version, principal }: RequestContext, status: number, seconds: number): Fields {
    let fields = `,"grpc_status":"${nameOf(status)}","duration":${Math.round(seconds * 1e6) / 1e6}`;
    if (model !== undefined) fields += `,"model":${JSON.stringify(model)}`;
    if (version !== undefined) fields += `,"version":${JSON.stringify(version)}`;
    if (principal) fields += `,"who":${JSON.stringify(principal.name)}`;
    if (this.requests.isCuttingOff && status === CANCELLED) fields += ',"cut_off":true';
    return fields;
  }
}

/** In OpenTelemetry's words for servers of gRPC. */
function endTrace(trace: Trace, { service, method }: Endpoint, context: RequestContext, status: number): void {
  const { id, model, version } = context;
  trace.end({
    name: `${service}/${method}`,
    details: {
      'rpc.system': 'grpc',
      'rpc.service': service,
      'rpc.method': method,
      'rpc.grpc.status_code': status,
      'nestor.request_id': id,
      ...(model !== undefined && { 'nestor.model': model }),
      ...(version !== undefined && { 'nestor.version': version }),
    },
    hasFailed: isServerFault(status),
  });
}

/** What both lines of a call have in common. */
function fieldsOf({ service, method }: Endpoint, { id, trace }: RequestContext): Fields {
  const fields = `"request_id":${JSON.stringify(id)},"method":"gRPC","url":"/${service}/${method}"`;
  return trace ? `${fields},"trace_id":"${trace.traceId}","span_id":"${trace.spanId}"` : fields;
}
