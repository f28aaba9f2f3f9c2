import { type Caller, deadlineExceeded } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type TracedRun } from '../common/trace.js';
import { Alarm } from './alarm.js';
import { type Lane, type Work } from './lane.js';
import { type Refusal, RequestQueue } from './request-queue.js';
import { checkRows, runInputs } from './run-inputs.js';
import { type RowRequest, type RowResult, type RunRequest } from './run-request.js';
import { type Graph, rowsPerRun, type Session, ThreadDied } from './session.js';
import { countRows, type Party, WaitingRequest } from './waiting-request.js';

/** What one run held, and how long it took. */
export interface RunReport {
  requests: number;
  rows: number;
  /** Milliseconds that its first request had waited. */
  queueMs: number;
  /** … that its inputs took to be put together. */
  inputMs: number;
  runMs: number;
  /** … and that its outputs took to be handed to the requests. */
  outputMs: number;
}

export interface BatcherOptions {
  /** Outputs that hold a row for each row of the run, whoever else is in it: only for these do requests share one. */
  shareable: ReadonlySet<string>;
  /** Rows that requests may share a run with; one with more gets a run of its own. */
  maxRows: number;
  /** Rows that any run may hold, where that is more. */
  longestRows?: number;
  /** Rows of a whole request, at most. Without it there is nothing to tell rows by, and such a request counts as one. */
  wholeRows?: number | undefined;
  /** Rows that may wait; beyond them requests are refused at once. */
  queueLimit: number;
  /** Rows that a session runs in a millisecond, as far as is known yet. */
  pace?: number | undefined;
  /** Told of each run that ended well. */
  onRun?: (run: RunReport) => void;
  /** Told of each request that was not run, and of its rows. */
  onRefusal?: (reason: Refusal, rows: number) => void;
}

const MAX_RETRY_AFTER_S = 60;
const PATIENT_RUNS = 8;
const PATIENT_MS = 10;
/** Tensors so large are not copied into a run that they would share on the HTTP thread: it saves less than it costs. */
const LARGE_BYTES = 32 * 1024;

/**
 * The queue of one version: gathers what waits into runs, and gives each request its own rows of the answer.
 *
 * Invariants: requests leave in the order in which they came, but for those whose keys differ; a request is answered
 * once, and at its deadline at the latest; it sees only its own rows; what one row breaks fails for its request alone;
 * rows whose deadline has passed or whose client has gone are never run; no more than `queueLimit` rows wait; a whole
 * request, and one for an output that is not shareable, meets no other.
 *
 * Nothing waits on a timer in order to be gathered: a run takes what is there when the lane has a free session for it.
 */
export class Batcher implements Work {
  private readonly queue: RequestQueue;
  private readonly running = new Set<readonly WaitingRequest[]>();
  private readonly alarm = new Alarm((now) => this.refuseLate(now));
  private readonly isInline: boolean;
  /** Rows that a session runs in a millisecond, smoothed; for Retry-After. */
  private pace: number;
  expectedMs = 0;
  /** When its last run began, or it was made, by the monotonic clock in milliseconds. */
  lastUsed = performance.now();
  private onDrained: (() => void)[] = [];

  constructor(
    private readonly graph: Graph,
    private readonly lane: Lane,
    private readonly options: BatcherOptions,
  ) {
    this.pace = options.pace ?? 1;
    this.isInline = lane.placement === 'inline';
    const { queueLimit: limit, maxRows, onRefusal } = options;
    this.queue = new RequestQueue({ limit, maxRows, isNewFree: this.isInline, onRefusal });
  }

  /** Whether rows that ask for these outputs may share runs with others. */
  mayShare(fetches: readonly string[]): boolean {
    return fetches.every((name) => this.options.shareable.has(name));
  }

  /** Rows that one request for these outputs may bring: more of them are to be sent as several. */
  longestRequest(fetches: readonly string[]): number {
    return this.mayShare(fetches) ? this.options.maxRows : rowsPerRun(this.graph);
  }

  /**
   * Rows that are tensors already, of which one request may bring so many, more than a shared run holds. To part them
   * and put the answers together costs as much as a few milliseconds of patience; on a thread each part is a message
   * there and one back, so that 150,000 rows of next to no work took seconds in runs of 8.
   */
  longestTensors(fetches: readonly string[]): number {
    const shared = this.longestRequest(fetches);
    if (this.isInline) return shared * PATIENT_RUNS;
    const { longestRows = shared } = this.options;
    return Math.max(shared, Math.min(longestRows, Math.floor(this.pace * PATIENT_MS)));
  }

  /** As its options have it. */
  get wholeRows(): number | undefined {
    return this.options.wholeRows;
  }

  /** Rows that wait, without those that nobody waits for any more. */
  get queuedRows(): number {
    this.queue.dropGone();
    return this.queue.rows;
  }

  /** Whether one more row would be refused. */
  get isFull(): boolean {
    return !this.queue.hasPlaceFor(1);
  }

  get isWaiting(): boolean {
    return !this.queue.isEmpty;
  }

  get isWholeRun(): boolean {
    return this.queue.rows >= this.options.maxRows || this.queue.requests[0]?.alone === true;
  }

  /**
   * @throws DomainError `overloaded` at once when the queue is full, `deadline_exceeded` when the caller's time is up,
   *   `inference_failed` when the model fails on these rows; CallerLeft when the caller has gone
   */
  submit(request: RunRequest, caller: Caller): Promise<RowResult> {
    return this.queue.hasPlaceFor(request.rows)
      ? this.enqueue(request, caller)
      : Promise.reject(this.overloaded(request.rows));
  }

  /** As `submit`, for requests that are of use only together: all are taken, or none, and the first to fail fails all. */
  submitAll(requests: readonly RowRequest[], caller: Caller): Promise<RowResult[]> {
    const rows = requests.reduce((sum, request) => sum + request.rows, 0);
    if (!this.queue.hasPlaceFor(rows)) return Promise.reject(this.overloaded(rows));
    const party = { hasFailed: false };
    return Promise.all(requests.map((request) => this.enqueue(request, caller, party)));
  }

  /** Resolves when nothing waits or runs any more. */
  drained(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.onDrained.push(resolve));
  }

  async runNext(session: Session): Promise<void> {
    const group = this.queue.take();
    if (group.length === 0) {
      this.tellDrained();
      return;
    }
    this.running.add(group);
    const started = performance.now();
    this.lastUsed = started;
    const rows = countRows(group);
    const run = begin(started, group, rows);
    try {
      const inputs = runInputs(this.graph, group, rows, this.isInline);
      const inputMs = performance.now() - started;
      const { request } = group[0] as WaitingRequest;
      const { outputs, runMs } = await session.run(inputs, request.fetches);
      if (request.key !== undefined) checkRows(this.graph, outputs, rows);
      const ranAt = performance.now();
      end(run, runMs);
      this.learn(rows, runMs);
      let offset = 0;
      for (const waiting of group) {
        const { caller, request, since } = waiting;
        caller.queueMs = Math.max(caller.queueMs, started - since);
        caller.inputMs += inputMs;
        caller.runMs += runMs;
        caller.ranAt = ranAt;
        waiting.resolve({ outputs, offset });
        offset += request.rows;
      }
      const queueMs = started - (group[0] as WaitingRequest).since;
      const outputMs = performance.now() - ranAt;
      this.options.onRun?.({ requests: group.length, rows, queueMs, inputMs, runMs, outputMs });
    } catch (error) {
      end(run, undefined);
      this.fail(group, error);
    } finally {
      this.running.delete(group);
      this.tellDrained();
    }
  }

  private tellDrained(): void {
    if (this.isIdle) for (const tell of this.onDrained.splice(0)) tell();
  }

  /** Whether nothing waits or runs. */
  get isIdle(): boolean {
    return this.queue.isEmpty && this.running.size === 0;
  }

  private enqueue(request: RunRequest, caller: Caller, party?: Party): Promise<RowResult> {
    return new Promise((resolve, reject) => {
      const alone = request.key === undefined || !this.mayShare(request.fetches) || this.isLarge(request);
      this.queue.push(new WaitingRequest(request, caller, party, alone, resolve, reject));
      if (!this.isInline) this.alarm.set(caller.deadline);
      this.lane.schedule(this);
    });
  }

  private isLarge({ inputs }: RunRequest): boolean {
    if (!inputs || !this.isInline) return false;
    return inputs.reduce((sum, { data }) => sum + (Array.isArray(data) ? 0 : data.byteLength), 0) > LARGE_BYTES;
  }

  /**
   * A failed run fails its request; one that was shared is repeated for each request alone, so that only the guilty
   * fail. A request whose thread ended is run once more, on another thread; alone, since it may be the cause.
   */
  private fail(group: readonly WaitingRequest[], error: unknown): void {
    const hasDied = error instanceof ThreadDied;
    const isFinal = (waiting: WaitingRequest) => group.length === 1 && (waiting.hasDied || !hasDied);
    const again: WaitingRequest[] = [];
    for (const waiting of group) {
      if (waiting.isSettled) continue;
      if (isFinal(waiting)) {
        waiting.reject(hasDied ? threadDied(error) : error);
        continue;
      }
      if (group.length === 1) waiting.hasDied = true;
      waiting.alone = true;
      waiting.since = performance.now();
      again.push(waiting);
    }
    if (again.length === 0) return;
    this.queue.putBack(again);
    this.lane.schedule(this);
  }

  /** Answers what waits or runs at its deadline; gives the next one. */
  private refuseLate(now: number): number {
    this.queue.dropGone();
    let next = Infinity;
    for (const waiting of [...this.queue.requests, ...[...this.running].flat()]) {
      const { caller, isSettled } = waiting;
      if (isSettled) continue;
      if (caller.deadline <= now) waiting.reject(deadlineExceeded('the model had answered'));
      else next = Math.min(next, caller.deadline);
    }
    this.tellDrained();
    return next;
  }

  private learn(rows: number, runMs: number): void {
    this.pace += SMOOTHING * (rows / Math.max(runMs, 0.01) - this.pace);
    this.expectedMs += SMOOTHING * (runMs - this.expectedMs);
  }

  private overloaded(rows: number): DomainError {
    this.options.onRefusal?.('overloaded', rows);
    const seconds = Math.ceil(this.queue.rows / (this.pace * this.lane.width) / 1000);
    return new DomainError('overloaded', `${this.queue.rows} rows are waiting for this model already.`, {
      retryAfter: Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_S),
    });
  }
}

/** Weight of the newest run in what is smoothed over runs. */
const SMOOTHING = 0.1;

/** Notes a run in the traces of its requests. */
function begin(startedAt: number, group: readonly WaitingRequest[], rows: number): TracedRun {
  const run: TracedRun = { startedAt, requests: group.length, rows, endedAt: undefined, modelMs: undefined };
  for (const { caller, since } of group) caller.trace?.ran(since, run);
  return run;
}

/** @param modelMs undefined where it failed */
function end(run: TracedRun, modelMs: number | undefined): void {
  run.endedAt = performance.now();
  run.modelMs = modelMs;
}

function threadDied(cause: unknown): DomainError {
  return new DomainError('inference_failed', 'The model broke down twice on this input.', { cause });
}
