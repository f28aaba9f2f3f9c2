import cluster from 'node:cluster';
import { type Logger } from 'pino';
import { type Settings } from '../config/settings.js';
import { admission } from './admission.js';
import { type Decided } from '../registry/peers.js';
import { type VersionFigures } from '../registry/version-statistics.js';
import { type PrimaryMetrics } from './primary-metrics.js';
import { PrimaryStatistics } from './primary-statistics.js';
import { type Replacing, RollingRestart } from './rolling-restart.js';
import { type Exit, WorkerProcess } from './worker-process.js';

/** How often workers are looked at. */
const WATCH_MS = 1000;
/** A worker is not ended for its silence before this; one that has not been heard of yet, before that. */
const SILENT_MS = 5000;
const START_MS = 60_000;
/** A worker that ends sooner than this after its start is replaced after a pause that doubles each time. */
const EARLY_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** What a worker may take to end beyond its time for requests in flight. */
const END_LIMIT_MS = 5000;
/** What it may take where nobody wants to wait. */
const IMPATIENT_MS = 1000;
/** How long workers may take over a change: they load models meanwhile. */
const ADOPT_LIMIT_MS = 300_000;

/**
 * Looks after the worker processes: starts them, says which of them take connections, replaces those that end, and ends
 * them all. It serves nothing itself. Node hands each new connection to the next worker in turn (round robin), which
 * spreads connections that are kept evenly; workers that share a socket do not.
 */
export class Primary implements Replacing {
  private readonly all = new Set<WorkerProcess>();
  readonly restart: RollingRestart;
  private readonly counts = new PrimaryStatistics();
  /** Replacements that wait for their time. */
  private readonly awaited = new Set<NodeJS.Timeout>();
  private pauseMs = 0;
  isStopping = false;
  private isAnnounced = false;
  private watchedAt = performance.now();

  /**
   * @param main what a worker runs
   * @param onLines takes what workers write
   * @param onEnd told once, when no worker is left: the exit code, and why the service cannot start
   */
  constructor(
    private readonly settings: Settings,
    private readonly main: string,
    private readonly log: Logger,
    private readonly metrics: PrimaryMetrics,
    private readonly onLines: (lines: string) => void,
    private readonly onEnd: (code: number, lines: readonly string[]) => void,
  ) {
    this.restart = new RollingRestart(this, log);
  }

  start(): void {
    cluster.schedulingPolicy = cluster.SCHED_RR;
    // Advanced: figures may be NaN, which JSON does not know.
    cluster.setupPrimary({ exec: this.main, stdio: ['ignore', 'pipe', 'inherit', 'ipc'], serialization: 'advanced' });
    this.fill();
    setInterval(() => {
      this.watch();
    }, WATCH_MS);
  }

  /** Ends all workers in order; when it is impatient, at once. */
  async stop(isImpatient: boolean): Promise<void> {
    if (isImpatient) {
      await this.end(1);
      return;
    }
    const { SHUTDOWN_DELAY_MS, SHUTDOWN_TIMEOUT_MS } = this.settings;
    const ends = await this.endAll(
      (worker) => {
        worker.kill('SIGTERM');
      },
      SHUTDOWN_DELAY_MS + SHUTDOWN_TIMEOUT_MS + END_LIMIT_MS,
    );
    // The signal itself ends a worker that has only just begun.
    this.onEnd(ends.every(({ code, signal }) => code === 0 || signal === 'SIGTERM') ? 0 : 1, []);
  }

  /** Has each worker take over what was decided; resolves once it is in force in those that take connections. */
  async adoptAll(decided: Decided): Promise<void> {
    await Promise.all(
      [...this.all].map(async (worker) => {
        const adopts = worker.channel.ask('adopt', [decided], ADOPT_LIMIT_MS);
        // One that starts takes connections only when it has looked.
        if (worker.place !== 'open') {
          adopts.catch(() => undefined);
          return;
        }
        await adopts.catch((error: unknown) => {
          if (worker.isAlive) throw error;
        });
      }),
    );
  }

  /** The page of /metrics. */
  page(): Promise<string> {
    return this.metrics.page([...this.all]);
  }

  /** What versions have done in all workers. */
  statistics(): Promise<readonly VersionFigures[]> {
    return this.counts.all([...this.all]);
  }

  private fill(): void {
    const staying = [...this.all].filter(({ isLeaving }) => !isLeaving).length;
    const missing = this.settings.WORKERS - staying - this.awaited.size;
    if (this.isStopping || missing <= 0) return;
    for (let i = 0; i < missing; i++) {
      if (this.pauseMs === 0) {
        this.fork();
        continue;
      }
      const timer = setTimeout(() => {
        this.awaited.delete(timer);
        this.fork();
      }, this.pauseMs);
      this.awaited.add(timer);
    }
  }

  workers(): readonly WorkerProcess[] {
    return [...this.all];
  }

  fork(): WorkerProcess {
    const { HOST, PORT, GRPC_PORT, WORKERS } = this.settings;
    // These hold as long as the primary does; a worker reads all others from `.env` when it starts.
    const environment = { HOST, PORT: String(PORT), GRPC_PORT: String(GRPC_PORT), WORKERS: String(WORKERS) };
    const worker = new WorkerProcess(environment, {
      onBeat: (one) => {
        this.admit();
        if (one.status.isStuck && !one.isLeaving && !this.isStopping) void this.replaceStuck(one);
      },
      onLines: this.onLines,
      adoptAll: (decided) => this.adoptAll(decided),
      page: () => this.page(),
      countRowsElsewhere: (one, taken) => {
        for (const other of this.all) if (other !== one && other.isUp) other.channel.tell('countRows', taken);
      },
      statistics: () => this.statistics(),
    });
    this.all.add(worker);
    void worker.ended.then((how) => this.onEnded(worker, how));
    return worker;
  }

  /** Says which workers take connections, and has the service announced once all are there. */
  private admit(): void {
    if (this.isStopping) return;
    const there = [...this.all].filter(({ isUp, isLeaving, isAlive }) => isUp && !isLeaving && isAlive);
    const { open, close } = admission(there);
    for (const worker of open) void this.open(worker);
    for (const worker of close) {
      worker.place = 'closed';
      worker.channel.tell('close');
    }
    if (this.isAnnounced || there.filter(({ status }) => status.isSettled).length < this.settings.WORKERS) return;
    const first = there.find(({ place }) => place === 'open');
    this.isAnnounced = first !== undefined;
    first?.channel.tell('announce');
  }

  private async open(worker: WorkerProcess): Promise<void> {
    worker.place = 'opening';
    try {
      await worker.channel.ask('open', []);
      worker.place = 'open';
      this.admit();
    } catch {
      worker.place = 'closed'; // it says why, and ends
    }
  }

  private async onEnded(worker: WorkerProcess, how: Exit): Promise<void> {
    const { number, startedAt, figures, failure, isLeaving } = worker;
    worker.connections.giveBack(this.workers().some(({ place, isAlive }) => place === 'open' && isAlive));
    this.counts.retire(worker);
    await this.metrics.retire(figures);
    this.all.delete(worker);
    if (isLeaving || this.isStopping) return;
    if (failure && ![...this.all].some(({ place, status }) => place === 'open' && status.isSettled)) {
      await this.end(1, failure);
      return;
    }
    const isEarly = performance.now() - startedAt < EARLY_MS;
    this.pauseMs = isEarly ? Math.min(2 * this.pauseMs || FIRST_PAUSE_MS, LONGEST_PAUSE_MS) : 0;
    this.metrics.ends.inc({ reason: 'died' });
    this.log.error({ worker: number, ...how, ...(failure && { reason: failure.join('; ') }) }, 'worker_died');
    this.admit();
    this.fill();
  }

  /** Ends those that have not been heard of for so long that no run of a model on their HTTP thread can be the reason. */
  private watch(): void {
    const now = performance.now();
    const wasAsleep = now - this.watchedAt > 5 * WATCH_MS;
    this.watchedAt = now;
    for (const worker of this.all) {
      if (wasAsleep) worker.seenAt = now;
      const limitMs = Math.max(2 * this.settings.STUCK_AFTER_MS, worker.isUp ? SILENT_MS : START_MS);
      if (worker.isLeaving || now - worker.seenAt <= limitMs) continue;
      this.log.error({ worker: worker.number }, 'worker_silent');
      worker.kill('SIGKILL');
    }
  }

  private async replaceStuck(worker: WorkerProcess): Promise<void> {
    this.log.error({ worker: worker.number }, 'worker_stuck');
    worker.isLeaving = true;
    await this.restart.untilItServes(this.fork());
    await this.dismiss(worker, 'stuck');
  }

  /** Has a worker answer what has arrived, and end. */
  async dismiss(worker: WorkerProcess, reason: string): Promise<void> {
    worker.isLeaving = true;
    if (!worker.isAlive) return;
    this.metrics.ends.inc({ reason });
    worker.channel.tell('leave');
    const timer = setTimeout(() => {
      worker.kill('SIGKILL');
    }, this.settings.SHUTDOWN_TIMEOUT_MS + END_LIMIT_MS);
    await worker.ended;
    clearTimeout(timer);
    this.fill(); // others may have ended meanwhile
  }

  private async end(code: number, lines: readonly string[] = []): Promise<void> {
    await this.endAll((worker) => {
      if (worker.isUp) worker.channel.tell('end');
      else worker.kill('SIGTERM');
    }, IMPATIENT_MS);
    this.onEnd(code, lines);
  }

  private async endAll(how: (worker: WorkerProcess) => void, limitMs: number): Promise<Exit[]> {
    this.isStopping = true;
    for (const timer of this.awaited) clearTimeout(timer);
    const all = [...this.all];
    const timer = setTimeout(() => {
      for (const worker of all) worker.kill('SIGKILL');
    }, limitMs);
    for (const worker of all) how(worker);
    const ends = await Promise.all(all.map(({ ended }) => ended));
    clearTimeout(timer);
    return ends;
  }
}
