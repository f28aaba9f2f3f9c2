import { Counter, Gauge, Registry } from 'prom-client';
import { addUp, growing, Retired } from './figures.js';
import { type WorkerProcess } from './worker-process.js';

/** How long a worker may take to tell its figures. */
const FIGURES_LIMIT_MS = 2000;

/** What the primary counts, and the page that adds up what all have counted. */
export class PrimaryMetrics {
  private readonly registry = new Registry();
  private readonly retired = new Retired();
  readonly ends = new Counter({
    name: 'nestor_worker_ends_total',
    help: 'Worker processes that were replaced: they died, were stuck, or it was their turn in a restart',
    labelNames: ['reason'] as const,
    registers: [this.registry],
  });
  private readonly workers = new Gauge({
    name: 'nestor_workers',
    help: 'Worker processes: serving (they take connections), starting (or not ready), leaving',
    labelNames: ['state'] as const,
    registers: [this.registry],
  });
  private readonly silent = new Gauge({
    name: 'nestor_workers_silent',
    help: 'Worker processes that did not tell their figures in time: gauges leave them out, counters show their last',
    registers: [this.registry],
  });
  readonly logLinesDropped = new Counter({
    name: 'nestor_log_lines_dropped_total',
    help: 'Log lines that were dropped because nobody read standard output',
    registers: [this.registry],
  });

  constructor() {
    const startTime = new Gauge({
      name: 'process_start_time_seconds',
      help: 'Start time of the service since unix epoch in seconds.',
      registers: [this.registry],
      aggregator: 'first',
    });
    startTime.set(Date.now() / 1000);
  }

  /** Keeps what a worker has counted in its life. */
  retire(figures: WorkerProcess['figures']): Promise<void> {
    return this.retired.add(figures);
  }

  /** The page, in Prometheus's text format. */
  async page(workers: readonly WorkerProcess[]): Promise<string> {
    const silent = new Set<WorkerProcess>();
    await Promise.all(
      workers.map(async (worker) => {
        try {
          worker.figures = await worker.channel.ask('figures', [], FIGURES_LIMIT_MS);
        } catch {
          silent.add(worker);
        }
      }),
    );
    // Those that have ended meanwhile are among the retired.
    const alive = workers.filter(({ isAlive }) => isAlive);
    const stateOf = ({ isLeaving, place }: WorkerProcess) =>
      isLeaving ? 'leaving' : place === 'open' ? 'serving' : 'starting';
    for (const state of ['serving', 'starting', 'leaving']) {
      this.workers.set({ state }, alive.filter((worker) => stateOf(worker) === state).length);
    }
    this.silent.set(alive.filter((worker) => silent.has(worker)).length);
    const own = await this.registry.getMetricsAsJSON();
    const theirs = alive.map((worker) => (silent.has(worker) ? growing(worker.figures) : worker.figures));
    return addUp([own, this.retired.all, ...theirs]).metrics();
  }
}
