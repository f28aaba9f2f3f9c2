import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger } from 'pino';
import { type Settings } from '../config/settings.js';
import { type PrimaryMetrics } from './primary-metrics.js';
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
/** For how long a new worker whose models are loaded may not be ready, in the place of one that is. */
const READY_LIMIT_MS = 10_000;
/** What a worker may take to end beyond its time for requests in flight. */
const END_LIMIT_MS = 5000;
/** What it may take where nobody wants to wait. */
const IMPATIENT_MS = 1000;
/** How long workers may take over a change: they load models meanwhile. */
const FOLLOW_LIMIT_MS = 300_000;

/**
 * Looks after the worker processes: starts them, says which of them take connections, replaces those that end, and ends
 * them all. It serves nothing itself. Node hands each new connection to the next worker in turn (round robin), which
 * spreads connections that are kept evenly; workers that share a socket do not.
 */
export class Primary {
  private readonly workers = new Set<WorkerProcess>();
  /** Replacements that wait for their time. */
  private readonly awaited = new Set<NodeJS.Timeout>();
  private pauseMs = 0;
  private isStopping = false;
  private isAnnounced = false;
  private restarting: Promise<void> | undefined;
  private isRestartWanted = false;
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
  ) {}

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

  /** Replaces each worker by a new one, one after the other, each once its successor serves. */
  restart(): void {
    this.isRestartWanted = true;
    this.restarting ??= this.replaceAll().finally(() => (this.restarting = undefined));
  }

  /** Has each worker look at what it should serve; resolves once it is in force in those that take connections. */
  async followAll(): Promise<void> {
    await Promise.all(
      [...this.workers].map(async (worker) => {
        const follows = worker.channel.ask('follow', [], FOLLOW_LIMIT_MS);
        // One that starts takes connections only when it has followed.
        if (worker.place !== 'open') {
          follows.catch(() => undefined);
          return;
        }
        await follows.catch((error: unknown) => {
          if (worker.isAlive) throw error;
        });
      }),
    );
  }

  /** The page of /metrics. */
  page(): Promise<string> {
    return this.metrics.page([...this.workers]);
  }

  private fill(): void {
    const staying = [...this.workers].filter(({ isLeaving }) => !isLeaving).length;
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

  private fork(): WorkerProcess {
    const { HOST, PORT, WORKERS } = this.settings;
    // These hold as long as the primary does; a worker reads all others from `.env` when it starts.
    const environment = { HOST, PORT: String(PORT), WORKERS: String(WORKERS) };
    const worker = new WorkerProcess(environment, {
      onBeat: (one) => {
        this.admit();
        if (one.status.isStuck && !one.isLeaving && !this.isStopping) void this.replaceStuck(one);
      },
      onLines: this.onLines,
      followAll: () => this.followAll(),
      page: () => this.page(),
    });
    this.workers.add(worker);
    void worker.ended.then((how) => this.onEnded(worker, how));
    return worker;
  }

  /**
   * Says which workers take connections: those that are ready. Where none is, those whose first loads are done; and
   * where there is none of these either, one, which answers probes.
   */
  private admit(): void {
    if (this.isStopping) return;
    const staying = [...this.workers].filter(({ isLeaving, isAlive }) => !isLeaving && isAlive);
    const heard = staying.filter(({ isUp }) => isUp);
    const ready = heard.filter(({ status }) => status.isReady);
    const settled = heard.filter(({ status }) => status.isSettled);
    const best = ready.length > 0 ? ready : settled.length > 0 ? settled : heard.slice(0, 1);
    for (const worker of best) if (worker.place === 'closed') void this.open(worker);
    // Nobody else takes over before somebody does: the port would be closed meanwhile.
    if (!best.some(({ place }) => place === 'open')) return;
    for (const worker of heard) {
      if (worker.place !== 'open' || best.includes(worker)) continue;
      worker.place = 'closed';
      worker.channel.tell('close');
    }
    if (this.isAnnounced || settled.length < this.settings.WORKERS) return;
    this.isAnnounced = true;
    best.find(({ place }) => place === 'open')?.channel.tell('announce');
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
    await this.metrics.retire(figures);
    this.workers.delete(worker);
    if (isLeaving || this.isStopping) return;
    if (failure && ![...this.workers].some(({ place, status }) => place === 'open' && status.isSettled)) {
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
    for (const worker of this.workers) {
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
    await this.serves(this.fork());
    await this.dismiss(worker, 'stuck');
  }

  private async replaceAll(): Promise<void> {
    while (this.isRestartWanted) {
      this.isRestartWanted = false;
      this.log.info({ workers: this.workers.size }, 'restart_begun');
      for (const old of [...this.workers]) {
        if (old.isLeaving) continue;
        const fresh = this.fork();
        const failure = await this.serves(fresh);
        if (this.isStopping) return;
        if (failure !== undefined) {
          this.log.error({ reason: failure }, 'restart_given_up');
          this.isRestartWanted = false;
          await this.dismiss(fresh, 'restart');
          return;
        }
        await this.dismiss(old, 'restart');
        this.fill();
      }
      this.log.info('restart_done');
    }
  }

  /** Waits until a new worker takes connections; why it does not, if it does not. */
  private async serves(worker: WorkerProcess): Promise<string | undefined> {
    let settledAt = Infinity;
    while (worker.place !== 'open') {
      const now = performance.now();
      if (!worker.isAlive || this.isStopping) return worker.failure?.join('; ') ?? 'the new worker ended';
      if (worker.status.isSettled) settledAt = Math.min(settledAt, now);
      if (now - settledAt > READY_LIMIT_MS) return 'the new worker does not get ready: see /health/ready';
      await sleep(20);
    }
    return undefined;
  }

  /** Has a worker answer what has arrived, and end. */
  private async dismiss(worker: WorkerProcess, reason: string): Promise<void> {
    worker.isLeaving = true;
    if (!worker.isAlive) return;
    this.metrics.ends.inc({ reason });
    worker.channel.tell('leave');
    const timer = setTimeout(() => {
      worker.kill('SIGKILL');
    }, this.settings.SHUTDOWN_TIMEOUT_MS + END_LIMIT_MS);
    await worker.ended;
    clearTimeout(timer);
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
    const all = [...this.workers];
    const timer = setTimeout(() => {
      for (const worker of all) worker.kill('SIGKILL');
    }, limitMs);
    for (const worker of all) how(worker);
    const ends = await Promise.all(all.map(({ ended }) => ended));
    clearTimeout(timer);
    return ends;
  }
}
