import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger } from 'pino';
import { type WorkerProcess } from './worker-process.js';

/** For how long a new worker whose models are loaded may not be ready, in the place of one that is. */
const READY_LIMIT_MS = 10_000;
const LOOK_MS = 20;

/** What replacing needs of the primary. */
export interface Replacing {
  readonly isStopping: boolean;
  workers(): readonly WorkerProcess[];
  fork(): WorkerProcess;
  /** Has a worker answer what has arrived, and end. */
  dismiss(worker: WorkerProcess, reason: string): Promise<void>;
}

/** Replaces each worker by a new one, one after the other, each once its successor takes connections. */
export class RollingRestart {
  private underWay: Promise<void> | undefined;
  private isWanted = false;

  constructor(
    private readonly primary: Replacing,
    private readonly log: Logger,
  ) {}

  /** While one is under way, another one follows it. */
  begin(): void {
    this.isWanted = true;
    this.underWay ??= this.run().finally(() => (this.underWay = undefined));
  }

  /** Waits until a new worker takes connections; why it does not, if it does not. */
  async untilItServes(worker: WorkerProcess): Promise<string | undefined> {
    let settledAt = Infinity;
    while (worker.place !== 'open') {
      const now = performance.now();
      if (!worker.isAlive || this.primary.isStopping) return worker.failure?.join('; ') ?? 'the new worker ended';
      if (worker.status.isSettled) settledAt = Math.min(settledAt, now);
      if (now - settledAt > READY_LIMIT_MS) return 'the new worker does not get ready: see /health/ready';
      await sleep(LOOK_MS);
    }
    return undefined;
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false;
      const old = this.primary.workers().filter(({ isLeaving }) => !isLeaving);
      this.log.info({ workers: old.length }, 'restart_begun');
      for (const worker of old) {
        if (worker.isLeaving || !worker.isAlive) continue;
        const fresh = this.primary.fork();
        const failure = await this.untilItServes(fresh);
        if (this.primary.isStopping) return;
        if (failure !== undefined) {
          this.log.error({ reason: failure }, 'restart_given_up');
          await this.primary.dismiss(fresh, 'restart');
          return;
        }
        await this.primary.dismiss(worker, 'restart');
      }
      this.log.info('restart_done');
    }
  }
}
