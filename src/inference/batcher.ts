import { type Caller, CallerLeft, deadlineExceeded } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Lane, type Work } from './lane.js';
import { type Graph, rowsPerRun, type RunResult, type Session, ThreadDied } from './session.js';
import { copyTensor, emptyTensor, type Tensor, type Tensors } from './tensor.js';

/** What one caller asks of the model. */
export type RunRequest = RowRequest | WholeRequest;

/** Rows of one caller on their way to the model. */
export interface RowRequest {
  /** How many; at least one. */
  rows: number;
  /** Dimensions of each graph input after the batch axis, in the graph's order. */
  rowDims: readonly (readonly number[])[];
  /** The graph's outputs that are wanted. */
  fetches: readonly string[];
  /** Requests share a run only where their keys are equal: same dimensions, same outputs. See `batchKey`. */
  key: string;
  /** Writes the rows into the graph's inputs, from row `offset` on. Called right before a run, for each that it is in. */
  write: (tensors: readonly Tensor[], offset: number) => void;
  /** The rows as tensors, where they are that already: a run that holds nothing else may take them as they are. */
  inputs?: readonly Tensor[];
}

/**
 * Inputs that have a meaning only together: without a batch axis, without rows, or with another number of them in each.
 * They get a run of their own, and its outputs as they are.
 */
export interface WholeRequest {
  key?: undefined;
  /** As how many rows it counts in the queue; at least one. */
  rows: number;
  fetches: readonly string[];
  /** In the graph's order. Nobody may change them until the request is answered. */
  inputs: readonly Tensor[];
}

/** Where the answers of a request stand: in the outputs of a whole run, from row `offset` on. */
export interface RowResult {
  outputs: Tensors;
  offset: number;
}

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

/** Why a request left the queue without a run. */
export type Refusal = 'overloaded' | 'expired' | 'abandoned';

export interface BatcherOptions {
  /** Outputs that hold a row for each row of the run, whoever else is in it: only for these do requests share one. */
  shareable: ReadonlySet<string>;
  /** Rows that requests may share a run with; one with more gets a run of its own. */
  maxRows: number;
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

/** Requests that ask for the same outputs of inputs of the same shape have the same key. */
export function batchKey(rowDims: RowRequest['rowDims'], fetches: readonly string[]): string {
  return JSON.stringify([rowDims, fetches]);
}

interface Waiting {
  readonly request: RunRequest;
  readonly caller: Caller;
  /** Requests that are of use only together. */
  readonly party: Party | undefined;
  readonly since: number;
  /** Whether it must not share a run: by its nature, or once it was part of one that failed. */
  alone: boolean;
  /** Whether a thread ended while it ran this request alone. */
  hasDied: boolean;
  isSettled: boolean;
  readonly resolve: (result: RowResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Party {
  hasFailed: boolean;
}

const MAX_RETRY_AFTER_S = 60;
const PATIENT_RUNS = 8;
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
 * Nothing waits on a timer in order to be gathered: a run takes what is there when a session is free.
 */
export class Batcher implements Work {
  private waiting: Waiting[] = [];
  private waitingRows = 0;
  /** Rows that were there already when the last run was made up. */
  private leftBehind = 0;
  private readonly running = new Set<readonly Waiting[]>();
  private alarm: NodeJS.Timeout | undefined;
  private alarmAt = Infinity;
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
   * Rows that are tensors already, of which one request may bring so many: on the HTTP thread more than a shared run
   * holds. To part them and put the answers together costs as much as a few milliseconds of patience.
   */
  longestTensors(fetches: readonly string[]): number {
    return this.longestRequest(fetches) * (this.lane.placement === 'inline' ? PATIENT_RUNS : 1);
  }

  /** As its options have it. */
  get wholeRows(): number | undefined {
    return this.options.wholeRows;
  }

  /** Rows that wait, without those that nobody waits for any more. */
  get queuedRows(): number {
    this.dropGone();
    return this.waitingRows;
  }

  /** Whether one more row would be refused. */
  get isFull(): boolean {
    return !this.hasPlaceFor(1);
  }

  get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /**
   * @throws DomainError `overloaded` at once when the queue is full, `deadline_exceeded` when the caller's time is up,
   *   `inference_failed` when the model fails on these rows; CallerLeft when the caller has gone
   */
  submit(request: RunRequest, caller: Caller): Promise<RowResult> {
    return this.hasPlaceFor(request.rows)
      ? this.enqueue(request, caller)
      : Promise.reject(this.overloaded(request.rows));
  }

  /** As `submit`, for requests that are of use only together: all are taken, or none, and the first to fail fails all. */
  submitAll(requests: readonly RowRequest[], caller: Caller): Promise<RowResult[]> {
    const rows = requests.reduce((sum, request) => sum + request.rows, 0);
    if (!this.hasPlaceFor(rows)) return Promise.reject(this.overloaded(rows));
    const party = { hasFailed: false };
    return Promise.all(requests.map((request) => this.enqueue(request, caller, party)));
  }

  /** Resolves when nothing waits or runs any more. */
  drained(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.onDrained.push(resolve));
  }

  async runNext(session: Session): Promise<void> {
    const group = this.take();
    if (group.length === 0) {
      this.tellDrained();
      return;
    }
    this.running.add(group);
    const started = performance.now();
    this.lastUsed = started;
    try {
      const rows = countRows(group);
      const inputs = this.inputsOf(group, rows);
      const inputMs = performance.now() - started;
      const { outputs, runMs } = await this.execute(session, group, inputs, rows);
      const ranAt = performance.now();
      this.learn(rows, runMs);
      let offset = 0;
      for (const waiting of group) {
        const { caller, request, since } = waiting;
        caller.queueMs = Math.max(caller.queueMs, started - since);
        caller.inputMs += inputMs;
        caller.runMs += runMs;
        caller.ranAt = ranAt;
        if (settle(waiting)) waiting.resolve({ outputs, offset });
        offset += request.rows;
      }
      const queueMs = started - (group[0] as Waiting).since;
      const outputMs = performance.now() - ranAt;
      this.options.onRun?.({ requests: group.length, rows, queueMs, inputMs, runMs, outputMs });
    } catch (error) {
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
    return this.waiting.length === 0 && this.running.size === 0;
  }

  /**
   * What is larger than the whole queue is taken when nothing waits: it could never be otherwise. On the HTTP thread
   * rows wait only once a turn has left them behind: what arrived in this one may well leave in one run.
   */
  private hasPlaceFor(rows: number): boolean {
    const { queueLimit } = this.options;
    const waitingRows = () => (this.lane.placement === 'inline' ? this.leftBehind : this.waitingRows);
    const fits = () => waitingRows() === 0 || waitingRows() + rows <= queueLimit;
    if (fits()) return true;
    this.dropGone();
    return fits();
  }

  private enqueue(request: RunRequest, caller: Caller, party?: Party): Promise<RowResult> {
    return new Promise((resolve, reject) => {
      const since = performance.now();
      this.waiting.push({
        request,
        caller,
        party,
        since,
        alone: request.key === undefined || !this.mayShare(request.fetches) || this.isLarge(request),
        hasDied: false,
        isSettled: false,
        resolve,
        reject,
      });
      this.waitingRows += request.rows;
      if (this.leftBehind > 0) this.leftBehind += request.rows;
      if (this.lane.placement === 'threads') this.watch(caller.deadline);
      this.lane.schedule(this);
    });
  }

  private isLarge({ inputs }: RunRequest): boolean {
    if (!inputs || this.lane.placement === 'threads') return false;
    return inputs.reduce((sum, { data }) => sum + (Array.isArray(data) ? 0 : data.byteLength), 0) > LARGE_BYTES;
  }

  /** The first request that waits, and those that may share its run. */
  private take(): Waiting[] {
    const { maxRows } = this.options;
    const now = performance.now();
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    let rows = 0;
    let takenRows = 0;
    for (const waiting of this.waiting) {
      const { request } = waiting;
      if (this.isGone(waiting, now)) {
        takenRows += request.rows;
        continue;
      }
      const [first] = group;
      const fits =
        !first ||
        (!first.alone && !waiting.alone && request.key === first.request.key && rows + request.rows <= maxRows);
      if (fits) {
        group.push(waiting);
        rows += request.rows;
      } else {
        rest.push(waiting);
      }
    }
    this.waiting = rest;
    this.waitingRows -= rows + takenRows;
    this.leftBehind = this.waitingRows;
    return group;
  }

  private async execute(
    session: Session,
    group: readonly Waiting[],
    inputs: readonly Tensor[],
    rows: number,
  ): Promise<RunResult> {
    const { request } = group[0] as Waiting;
    const result = await session.run(
      new Map(this.graph.inputs.map(({ name }, index) => [name, inputs[index] as Tensor])),
      request.fetches,
    );
    if (request.key !== undefined) this.checkRows(result, rows);
    return result;
  }

  /**
   * The inputs of a run. What a request brought as it is stays where it lies on the HTTP thread; a thread is given the
   * tensors for good, and the request may have to be run again.
   */
  private inputsOf(group: readonly Waiting[], rows: number): readonly Tensor[] {
    const { request } = group[0] as Waiting;
    if (request.inputs && group.length === 1 && this.lane.placement === 'inline') return request.inputs;
    if (request.key === undefined) return request.inputs.map(copyTensor);
    const { rowDims } = request;
    const tensors = this.graph.inputs.map(({ type }, index) =>
      emptyTensor(type, [rows, ...(rowDims[index] as readonly number[])]),
    );
    let offset = 0;
    for (const { request: one } of group as readonly { request: RowRequest }[]) {
      one.write(tensors, offset);
      offset += one.rows;
    }
    return tensors;
  }

  private checkRows({ outputs }: RunResult, rows: number): void {
    for (const [name, { dims }] of outputs) {
      const isOfOneRow = dims.length === 0 && rowsPerRun(this.graph) === 1; // one row at a time, and one value for it
      if (dims[0] === rows || isOfOneRow) continue;
      const shape = `[${dims.join(',')}] for ${rows} rows`;
      throw new DomainError(
        'inference_failed',
        `The model's output "${name}" has no value for each row (its shape is ${shape}).`,
      );
    }
  }

  /**
   * A failed run fails its request; one that was shared is repeated for each request alone, so that only the guilty
   * fail. A request whose thread ended is run once more, on another thread; alone, since it may be the cause.
   */
  private fail(group: readonly Waiting[], error: unknown): void {
    const hasDied = error instanceof ThreadDied;
    const isFinal = (waiting: Waiting) => group.length === 1 && (waiting.hasDied || !hasDied);
    const again: Waiting[] = [];
    for (const waiting of group) {
      if (waiting.isSettled) continue;
      if (isFinal(waiting)) {
        this.reject(waiting, hasDied ? threadDied(error) : error);
        continue;
      }
      if (group.length === 1) waiting.hasDied = true;
      waiting.alone = true;
      again.push(waiting);
    }
    if (again.length === 0) return;
    this.waiting = [...again, ...this.waiting];
    this.waitingRows += countRows(again);
    this.lane.schedule(this);
  }

  private reject(waiting: Waiting, error: unknown): void {
    if (!settle(waiting)) return;
    if (waiting.party) waiting.party.hasFailed = true;
    waiting.reject(error);
  }

  /** Whether nobody waits for it any more; who waited in vain is told. */
  private isGone(waiting: Waiting, now: number): boolean {
    const { caller, party, request } = waiting;
    if (waiting.isSettled) return true;
    if (caller.hasLeft || party?.hasFailed) {
      this.options.onRefusal?.('abandoned', request.rows);
      this.reject(waiting, new CallerLeft('the client has gone'));
      return true;
    }
    if (caller.deadline > now) return false;
    this.options.onRefusal?.('expired', request.rows);
    this.reject(waiting, deadlineExceeded('the model had a place for it'));
    return true;
  }

  private dropGone(): void {
    const now = performance.now();
    this.waiting = this.waiting.filter((waiting) => !this.isGone(waiting, now));
    this.waitingRows = countRows(this.waiting);
    this.leftBehind = Math.min(this.leftBehind, this.waitingRows);
  }

  /** Sees to it that what waits or runs at its deadline is answered then. */
  private watch(deadline: number): void {
    if (deadline >= this.alarmAt) return;
    clearTimeout(this.alarm);
    this.alarmAt = deadline;
    this.alarm = setTimeout(
      () => {
        this.alarmAt = Infinity;
        this.dropGone();
        const now = performance.now();
        let next = Infinity;
        for (const waiting of [...this.waiting, ...[...this.running].flat()]) {
          const { caller, isSettled } = waiting;
          if (isSettled) continue;
          if (caller.deadline <= now) this.reject(waiting, deadlineExceeded('the model had answered'));
          else next = Math.min(next, caller.deadline);
        }
        if (next < Infinity) this.watch(next);
        this.tellDrained();
      },
      Math.max(1, Math.ceil(deadline - performance.now())),
    );
    this.alarm.unref();
  }

  private learn(rows: number, runMs: number): void {
    this.pace += SMOOTHING * (rows / Math.max(runMs, 0.01) - this.pace);
    this.expectedMs += SMOOTHING * (runMs - this.expectedMs);
  }

  private overloaded(rows: number): DomainError {
    this.options.onRefusal?.('overloaded', rows);
    const seconds = Math.ceil(this.waitingRows / (this.pace * this.lane.width) / 1000);
    return new DomainError('overloaded', `${this.waitingRows} rows are waiting for this model already.`, {
      retryAfter: Math.min(Math.max(seconds, 1), MAX_RETRY_AFTER_S),
    });
  }
}

/** Weight of the newest run in what is smoothed over runs. */
const SMOOTHING = 0.1;

function countRows(group: readonly Waiting[]): number {
  return group.reduce((sum, { request }) => sum + request.rows, 0);
}

/** Whether it is the first to answer this request. */
function settle(waiting: Waiting): boolean {
  if (waiting.isSettled) return false;
  waiting.isSettled = true;
  return true;
}

function threadDied(cause: unknown): DomainError {
  return new DomainError('inference_failed', 'The model broke down twice on this input.', { cause });
}
