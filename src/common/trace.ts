/** A run of a model as the requests in it see it. Times are by the monotonic clock, in milliseconds. */
export interface TracedRun {
  readonly startedAt: number;
  readonly requests: number;
  readonly rows: number;
  /** undefined while it is under way. */
  endedAt: number | undefined;
  /** Milliseconds that the model itself took; undefined until it has ended well. */
  modelMs: number | undefined;
}

/** What is said of a step or a request besides its name and times. */
export type TraceDetails = Readonly<Record<string, string | number | boolean>>;

/** How a request ended. */
export interface TraceEnd {
  /** What the request was, in few words with few values: `POST /predict`. */
  name: string;
  details: TraceDetails;
  /** Whether the service failed on it. */
  hasFailed: boolean;
}

/** What one request's trace shows, whatever way the request came. Nothing here throws or waits. */
export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  /** For whoever goes on with the trace, as a `traceparent` header. */
  readonly parent: string;
  /** false: it is only passed on, and nothing that is noted is shown. */
  readonly isRecorded: boolean;
  /** As `step` below. */
  step<T>(name: string, work: () => Promise<T>, describe?: (result: T) => TraceDetails): Promise<T>;
  /** Notes that rows of the request waited and are part of a run. */
  ran(queuedAt: number, run: TracedRun): void;
  /** Notes that rows of the request waited, and left the queue without a run. */
  waited(queuedAt: number, until: number): void;
  /** Notes that the request has ended, now; to be called once. What it notes from then on is not shown. */
  end(end: TraceEnd): void;
}

/** Makes traces. */
export interface Tracer {
  /**
   * Begins the trace of a request, or goes on with its sender's.
   *
   * @param headers of HTTP, or what stands for them: `traceparent` and `tracestate` are read
   * @param startedAt when the request arrived, by the monotonic clock, in milliseconds
   */
  begin(headers: Readonly<Record<string, unknown>>, startedAt: number): Trace;
}

/**
 * Does a step of answering a request (a lookup, a look into a cache), and shows it in the request's trace, where it has
 * one.
 *
 * @param name one of few: `lookup`, `cache`
 * @param describe what to say of a step that ended well
 */
export function step<T>(
  { trace }: { readonly trace?: Trace | undefined },
  name: string,
  work: () => Promise<T>,
  describe?: (result: T) => TraceDetails,
): Promise<T> {
  return trace ? trace.step(name, work, describe) : work();
}
