import { addUpFigures, type VersionFigures } from '../registry/version-statistics.js';
import { type WorkerProcess } from './worker-process.js';

/** How long a worker may take to tell its figures. */
const LIMIT_MS = 2000;

/** Adds up what versions have done in all workers, those that have ended among them. */
export class PrimaryStatistics {
  private retired: readonly VersionFigures[] = [];

  /** Keeps what a worker had counted when it was last heard of. */
  retire({ statistics }: WorkerProcess): void {
    this.retired = addUpFigures([...this.retired, ...statistics]);
  }

  /** One that does not answer in time counts as it did the last time. */
  async all(workers: readonly WorkerProcess[]): Promise<readonly VersionFigures[]> {
    await Promise.all(
      workers.map(async (worker) => {
        worker.statistics = await worker.channel.ask('statistics', [], LIMIT_MS).catch(() => worker.statistics);
      }),
    );
    // Those that have ended meanwhile are among the retired.
    const alive = workers.filter(({ isAlive }) => isAlive);
    return addUpFigures([...this.retired, ...alive.flatMap(({ statistics }) => statistics)]);
  }
}
