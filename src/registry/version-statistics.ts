import { performance } from 'node:perf_hooks'; // the global one is looked up at each use
import { type Caller } from '../common/caller.js';
import { type RunReport } from '../inference/batcher.js';

/** How often something happened, and for how many milliseconds in all. */
export interface Tally {
  count: number;
  ms: number;
}

/** Runs of one size. */
export interface BatchFigures {
  input: Tally;
  infer: Tally;
  output: Tally;
}

/** What a version has done: plain data, which processes hand each other. */
export interface VersionFigures {
  readonly model: string;
  readonly version: string;
  /** When it ran last, or was answered for from the cache, in milliseconds since 1970; 0: never. */
  lastInference: number;
  /** Rows in runs that ended well. */
  rows: number;
  /** Runs that ended well. */
  runs: number;
  /** Requests that were answered, from the cache too. */
  readonly success: Tally;
  /** Requests that reached it and got no answer. */
  readonly fail: Tally;
  /** Those that were answered: their time in the queue; 0 from the cache. */
  readonly queue: Tally;
  /** Those that were answered by runs: putting the inputs of these runs together. */
  readonly input: Tally;
  /** … the runs themselves. */
  readonly infer: Tally;
  /** … and from the end of the last run to the answer. */
  readonly output: Tally;
  readonly hit: Tally;
  readonly miss: Tally;
  /** By rows in a run. */
  readonly batches: Map<number, BatchFigures>;
}

/** Sizes of runs that are told apart. Runs of yet another size are in the sums alone: clients choose the size. */
const MOST_SIZES = 256;

/**
 * Counts what a version does, from the start of the process on, however often it is loaded meanwhile. Everything is
 * added to numbers that are there already: a request costs nothing but additions.
 *
 * Invariants: success and fail together are the requests that reached it; success less hits are those whose runs are
 * counted in input, infer and output; rows and runs are those of the batches, as long as these have no more than 256
 * sizes. A run that failed and is repeated for each request alone counts for nothing, its repetitions do.
 */
export class VersionStatistics implements VersionFigures {
  lastInference = 0;
  rows = 0;
  runs = 0;
  readonly success = tally();
  readonly fail = tally();
  readonly queue = tally();
  readonly input = tally();
  readonly infer = tally();
  readonly output = tally();
  readonly hit = tally();
  readonly miss = tally();
  readonly batches = new Map<number, BatchFigures>();

  constructor(
    readonly model: string,
    readonly version: string,
  ) {}

  /**
   * A request was answered by runs.
   *
   * @param startedAt when it reached the version, by the monotonic clock
   */
  answered({ queueMs, inputMs, runMs, ranAt }: Caller, startedAt: number, now = performance.now()): void {
    add(this.success, now - startedAt);
    add(this.queue, queueMs);
    add(this.input, inputMs);
    add(this.infer, runMs);
    add(this.output, now - ranAt);
  }

  /** A request got no answer, for whatever reason: the model, the queue, its deadline, a client that left. */
  failed(startedAt: number): void {
    add(this.fail, performance.now() - startedAt);
  }

  /**
   * A request was answered from the cache.
   *
   * @param ms that looking for the answer took
   */
  answeredFromCache(ms: number): void {
    add(this.hit, ms);
    add(this.success, ms);
    add(this.queue, 0);
    this.lastInference = Date.now();
  }

  /** The cache had no answer: the request goes on to a run, and is counted as that, too. */
  missed(ms: number): void {
    add(this.miss, ms);
  }

  /** A run ended well. */
  ran({ rows, inputMs, runMs, outputMs }: RunReport): void {
    this.lastInference = Date.now();
    this.rows += rows;
    this.runs++;
    const batch = this.batches.get(rows) ?? this.newBatch(rows);
    if (!batch) return;
    add(batch.input, inputMs);
    add(batch.infer, runMs);
    add(batch.output, outputMs);
  }

  private newBatch(rows: number): BatchFigures | undefined {
    if (this.batches.size === MOST_SIZES) return undefined;
    const batch = { input: tally(), infer: tally(), output: tally() };
    this.batches.set(rows, batch);
    return batch;
  }
}

/** What several processes counted of the same versions, as if one had. */
export function addUpFigures(all: readonly VersionFigures[]): VersionFigures[] {
  const sums = new Map<string, VersionStatistics>();
  for (const figures of all) {
    const { model, version } = figures;
    const key = JSON.stringify([model, version]);
    const sum = sums.get(key) ?? new VersionStatistics(model, version);
    sums.set(key, sum);
    sum.lastInference = Math.max(sum.lastInference, figures.lastInference);
    sum.rows += figures.rows;
    sum.runs += figures.runs;
    for (const name of TALLIES) addTally(sum[name], figures[name]);
    for (const [rows, { input, infer, output }] of figures.batches) {
      const batch = sum.batches.get(rows) ?? { input: tally(), infer: tally(), output: tally() };
      sum.batches.set(rows, batch);
      addTally(batch.input, input);
      addTally(batch.infer, infer);
      addTally(batch.output, output);
    }
  }
  return [...sums.values()];
}

const TALLIES = ['success', 'fail', 'queue', 'input', 'infer', 'output', 'hit', 'miss'] as const;

function tally(): Tally {
  return { count: 0, ms: 0 };
}

function add(tally: Tally, ms: number): void {
  tally.count++;
  tally.ms += ms;
}

function addTally(sum: Tally, { count, ms }: Tally): void {
  sum.count += count;
  sum.ms += ms;
}
