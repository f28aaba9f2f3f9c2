import cluster from 'node:cluster';
import { type PrimaryCalls, type WorkerCalls, type WorkerStatus } from './calls.js';
import { Channel } from './channel.js';

/** Several a second: the primary learns of a worker that is ready, or is so no more, by the next. */
const BEAT_MS = 500;

/** A worker's link to the primary. */
export class Link {
  private readonly serving = Promise.withResolvers<WorkerCalls>();
  readonly primary: Channel<PrimaryCalls, WorkerCalls>;
  private endNow = () => process.exit(1);

  constructor() {
    this.primary = new Channel<PrimaryCalls, WorkerCalls>(process, this.serving.promise);
    // The primary is gone, in whatever way. Before Node's own listener, which would wait for runs under way.
    process.prependListener('disconnect', () => this.endNow());
  }

  /**
   * Has the primary's calls answered, and tells it how this process is.
   *
   * @returns tells it at once
   */
  serve(calls: WorkerCalls, status: () => WorkerStatus): () => void {
    this.endNow = () => {
      calls.end();
      return process.exit(1);
    };
    this.serving.resolve(calls);
    const beat = () => {
      this.primary.tell('beat', status());
    };
    setInterval(beat, BEAT_MS).unref();
    beat();
    return beat;
  }
}

/** Absent where there is one process. */
export const link = cluster.isWorker ? new Link() : undefined;
