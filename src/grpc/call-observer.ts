import { Injectable } from '@nestjs/common';
import { type RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { type Fields, RequestLog } from '../logging/request-log.js';
import { RequestObserver } from '../logging/request-observer.js';
import { Metrics } from '../metrics/metrics.js';
import { CANCELLED, nameOf, UNIMPLEMENTED } from './status.js';

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
  ) {}

  /**
   * @param endpoint one that there is: each is kept for good in the metrics
   * @param isProbe true logs it at level debug, false at info
   * @returns to be called at the end of the call, with its status
   */
  begin(endpoint: Endpoint, isProbe: boolean, context: RequestContext): (status: number) => void {
    const { LOG_REQUESTS } = this.settings;
    const level = isProbe ? 'debug' : 'info';
    const fields = LOG_REQUESTS === 'off' ? undefined : fieldsOf(endpoint, context);
    if (fields !== undefined && LOG_REQUESTS === 'both') this.log.write(level, fields, 'request_started');
    return (status) => {
      const seconds = (performance.now() - context.startedAt) / 1000;
      this.count(endpoint, status, seconds);
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

  private outcome({ model, version }: RequestContext, status: number, seconds: number): Fields {
    let fields = `,"grpc_status":"${nameOf(status)}","duration":${Math.round(seconds * 1e6) / 1e6}`;
    if (model !== undefined) fields += `,"model":${JSON.stringify(model)}`;
    if (version !== undefined) fields += `,"version":${JSON.stringify(version)}`;
    if (this.requests.isCuttingOff && status === CANCELLED) fields += ',"cut_off":true';
    return fields;
  }
}

/** What both lines of a call have in common. */
function fieldsOf({ service, method }: Endpoint, { id }: RequestContext): Fields {
  return `"request_id":${JSON.stringify(id)},"method":"gRPC","url":"/${service}/${method}"`;
}
