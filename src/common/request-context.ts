import { randomUUID } from 'node:crypto';
import { type IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks'; // the global one is looked up at each use
import { type Allowance } from './allowance.js';
import { type CacheUse, type Caller } from './caller.js';
import { type DomainError, type ErrorCode } from './errors.js';
import { type Principal } from './principal.js';
import { type Trace } from './trace.js';

const CONTEXT = Symbol('request context');
/** What a request id from outside may look like: it goes into logs and back into a header. */
const SAFE_ID = /^[\x21-\x7e]{1,128}$/;

/** What a request needs to know of the version that answers it. */
interface Answering {
  model: string;
  version: string;
  loaded: { timeoutMs: number };
  log: { redact: ReadonlyMap<string, unknown> } | undefined;
}

/** What is known of a request while it is answered. */
export class RequestContext implements Caller {
  /** When it arrived, by the monotonic clock, in milliseconds. */
  readonly startedAt = performance.now();
  readonly id: string;
  deadline = Infinity;
  hasLeft = false;
  principal: Principal | undefined;
  queueMs = 0;
  inputMs = 0;
  runMs = 0;
  ranAt = 0;
  lookupMs = 0;
  cacheControl: string | undefined;
  cacheUse: CacheUse | undefined;
  /** Whether its start and end are logged and counted already. */
  isObserved = false;
  /** The model and version that answer it, once they are known. */
  model: string | undefined;
  version: string | undefined;
  /** What was sent, once it is known which model it is for; only for a log that is told to show it. */
  body: unknown;
  /** What the answer says to the page that asked, where CORS_ORIGINS are set, as a flat list. */
  corsHeaders: readonly string[] | undefined;
  /** What it may take of RATE_LIMIT; undefined where there is none. */
  allowance: Allowance | undefined;
  /** Names whose values are shown nowhere: those that the model's author has redacted. */
  redact: ReadonlyMap<string, unknown> | undefined;
  trace: Trace | undefined;
  /** Why it failed, where it did. */
  failure: ErrorCode | undefined;

  private constructor(sentId: string | string[] | undefined) {
    this.id = typeof sentId === 'string' && SAFE_ID.test(sentId) ? sentId : randomUUID();
  }

  /** The context of a call that is no HTTP request. */
  static withId(sentId: string | undefined): RequestContext {
    return new RequestContext(sentId);
  }

  /** The context of a request; the first call makes it. */
  static of(request: IncomingMessage & { [CONTEXT]?: RequestContext | undefined }): RequestContext {
    return (request[CONTEXT] ??= new RequestContext(request.headers['x-request-id']));
  }

  /**
   * Names the version that answers, for the log and the answer's headers, an error's too; its author may limit the time
   * and what is shown.
   */
  isFor({ model, version, loaded, log }: Answering): void {
    this.deadline = Math.min(this.deadline, this.startedAt + loaded.timeoutMs);
    this.model = model;
    this.version = version;
    this.redact = log?.redact;
  }

  /** Whether something of what was sent must not be shown. */
  get isRedacted(): boolean {
    return this.redact !== undefined && this.redact.size > 0;
  }

  /** What the log may tell of why it failed: the runtime names the value that it stumbles on. */
  causeOf({ code, cause }: DomainError): unknown {
    return code === 'inference_failed' && this.isRedacted ? undefined : cause;
  }

  /** What every answer says of itself, as a flat list: name and value in turn. */
  headers(contentType: string): string[] {
    const headers = ['Content-Type', contentType, 'X-Request-Id', this.id];
    if (this.model !== undefined) headers.push('X-Model-Name', this.model);
    if (this.version !== undefined) headers.push('X-Model-Version', this.version);
    if (this.corsHeaders) headers.push(...this.corsHeaders);
    if (this.allowance) headers.push(...this.allowance.headers);
    if (this.trace !== undefined) headers.push('traceparent', this.trace.parent);
    return headers;
  }
}
