import {
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { type Trace, type TraceDetails, type TracedRun, type TraceEnd } from '../../common/trace.js';

/** More steps of one request are not shown: a huge batch may take thousands of runs. */
const MAX_STEPS = 128;

/** Times are by the monotonic clock, in milliseconds. */
interface Step {
  name: string;
  startedAt: number;
  /** undefined while it is under way. */
  endedAt: number | undefined;
  hasFailed: boolean;
  details: TraceDetails;
}

/** The span of each run that was shown for one of its requests already. */
export type ShownRuns = WeakMap<TracedRun, SpanContext>;

/**
 * The trace of one request. While it is answered nothing is done but to note what happened when; spans are made of that
 * at its end.
 */
export class RequestTrace implements Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string;
  readonly isRecorded: boolean;
  private steps: (Step | TracedRun)[] = [];
  private leftOut = 0;
  /** One for all spans: what the clock says of each must not put a step before its request. */
  private readonly wallClock = Date.now() - performance.now();

  private readonly span: Span;

  /**
   * @param sender whose trace it goes on with
   * @param startedAt when the request arrived
   */
  constructor(
    private readonly tracer: Tracer,
    private readonly shown: ShownRuns,
    sender: Context,
    startedAt: number,
  ) {
    this.span = tracer.startSpan('request', { kind: SpanKind.SERVER, startTime: this.timeOf(startedAt) }, sender);
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    this.traceId = traceId;
    this.spanId = spanId;
    this.isRecorded = this.span.isRecording();
    this.parent = `00-${traceId}-${spanId}-0${traceFlags.toString(16)}`;
  }

  async step<T>(name: string, work: () => Promise<T>, describe?: (result: T) => TraceDetails): Promise<T> {
    const step: Step = { name, startedAt: performance.now(), endedAt: undefined, hasFailed: false, details: {} };
    this.note(step);
    try {
      const result = await work();
      if (describe) step.details = describe(result);
      return result;
    } catch (error) {
      step.hasFailed = true;
      throw error;
    } finally {
      step.endedAt = performance.now();
    }
  }

  ran(queuedAt: number, run: TracedRun): void {
    this.waited(queuedAt, run.startedAt);
    this.note(run);
  }

  waited(queuedAt: number, until: number): void {
    this.note({ name: 'queue', startedAt: queuedAt, endedAt: until, hasFailed: false, details: {} });
  }

  end({ name, details, hasFailed }: TraceEnd): void {
    if (!this.isRecorded) return;
    const now = performance.now();
    const context = trace.setSpan(ROOT_CONTEXT, this.span);
    for (const step of this.steps) this.show(step, context, now);
    this.steps = [];
    this.span.updateName(name).setAttributes(details);
    if (this.leftOut > 0) this.span.setAttribute('nestor.steps_left_out', this.leftOut);
    if (hasFailed) this.span.setStatus({ code: SpanStatusCode.ERROR });
    this.span.end(this.timeOf(now));
  }

  /** As OpenTelemetry has a time: seconds and nanoseconds since 1970. */
  timeOf(monotonicMs: number): HrTime {
    const ms = this.wallClock + monotonicMs;
    const seconds = Math.floor(ms / 1000);
    return [seconds, Math.floor((ms - seconds * 1000) * 1e6)];
  }

  private note(step: Step | TracedRun): void {
    if (!this.span.isRecording()) return; // nor what comes after its end
    if (this.steps.length < MAX_STEPS) this.steps.push(step);
    else this.leftOut++;
  }

  /** @param end when the request ended, which its steps may outlive: it is shown up to then */
  private show(noted: Step | TracedRun, context: Context, end: number): void {
    const run = 'rows' in noted ? noted : undefined;
    const step = 'rows' in noted ? toStep(noted) : noted;
    const first = run && this.shown.get(run);
    const isUnfinished = step.endedAt === undefined;
    const span = this.tracer.startSpan(
      step.name,
      {
        startTime: this.timeOf(step.startedAt),
        attributes: isUnfinished ? { ...step.details, 'nestor.unfinished': true } : step.details,
        links: first ? [{ context: first }] : [],
      },
      context,
    );
    if (run && run.requests > 1 && !first) this.shown.set(run, span.spanContext());
    if (step.hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(this.timeOf(Math.min(step.endedAt ?? end, end)));
  }
}

function toStep({ startedAt, endedAt, requests, rows, modelMs }: TracedRun): Step {
  const details = { 'nestor.run.requests': requests, 'nestor.run.rows': rows };
  return {
    name: 'run',
    startedAt,
    endedAt,
    hasFailed: endedAt !== undefined && modelMs === undefined,
    details: modelMs === undefined ? details : { ...details, 'nestor.run.model_ms': Math.round(modelMs * 1000) / 1000 },
  };
}
