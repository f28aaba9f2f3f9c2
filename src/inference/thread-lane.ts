import { type Lane, type Work } from './lane.js';
import { ThreadDied } from './session.js';
import { type InferenceThread } from './threads/inference-thread.js';

/** Milliseconds before a thread that ended is replaced, again where that failed: the first time, and at most. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 30_000;

/**
 * How long requests that come one after the other may be gathered for an idle thread: as long as it will take to run
 * them, and within these. With 32 clients of a model of 6 × 1,024 units, on one core, a third of all runs held one row
 * when nothing was gathered, and a request cost 272 µs; 221 µs when it is. Where the HTTP thread takes longer than 2 ms
 * to read 32 requests of 10 KB, a bound of 2 ms left runs of 18 to 28 rows: these are of 26 to 32, and a request costs
 * about 0.9 of what it did.
 */
const LEAST_GATHER_MS = 2;
const MOST_GATHER_MS = 10;

/** What a lane needs of its surroundings. */
export interface ThreadSource {
  /** A thread that has the version's model loaded. */
  start(): Promise<InferenceThread>;
  /** Takes back a thread that holds no model any more. */
  giveBack(thread: InferenceThread): void;
  /** Told of each thread that ended unasked, and of each attempt to replace it that failed. */
  onTrouble(event: 'inference_thread_died' | 'inference_thread_not_replaced', cause: unknown): void;
}

/**
 * Runs on threads of the version's own, each with a session: for models whose runs would hold the HTTP thread up.
 * Whichever thread is idle takes the next run from the version's one queue. The system shares the cores among the
 * threads of all versions, so one with a long queue, or with long runs, does not keep another one waiting.
 */
export class ThreadLane implements Lane {
  readonly placement = 'threads';
  private readonly threads = new Set<InferenceThread>();
  private readonly idle: InferenceThread[] = [];
  private readonly work = new Set<Work>();
  private isScheduled = false;
  /** Whether something came since the last turn. */
  private hasNew = false;
  private isClosed = false;

  constructor(
    first: InferenceThread,
    private readonly source: ThreadSource,
  ) {
    this.add(first);
  }

  /** Threads that are alive. */
  get width(): number {
    return this.threads.size;
  }

  /** Grows to so many threads. */
  async grow(count: number): Promise<void> {
    while (this.threads.size < count) this.add(await this.source.start());
  }

  schedule(work: Work): void {
    this.work.add(work);
    this.hasNew = true;
    if (this.isScheduled) return;
    this.isScheduled = true;
    const gatherMs = Math.min(Math.max(work.expectedMs, LEAST_GATHER_MS), MOST_GATHER_MS);
    this.gather(performance.now() + gatherMs);
  }

  /**
   * Dispatches once some work has enough for a run, or after a turn of the event loop that brought nothing more: what
   * comes in a rush shares a run.
   */
  private gather(until: number): void {
    setImmediate(() => {
      if (this.hasNew && !this.hasWholeRun && performance.now() < until) {
        this.hasNew = false;
        this.gather(until);
        return;
      }
      this.isScheduled = false;
      this.dispatch();
    });
  }

  private get hasWholeRun(): boolean {
    return [...this.work].some(({ isWholeRun }) => isWholeRun);
  }

  /** Its threads let go of the model, and may take another: from here on they are none of its own. */
  async close(): Promise<void> {
    this.isClosed = true;
    const threads = [...this.threads];
    this.threads.clear();
    this.idle.length = 0;
    await Promise.all(threads.map((thread) => this.letGo(thread)));
  }

  private async letGo(thread: InferenceThread): Promise<void> {
    try {
      await thread.release();
      this.source.giveBack(thread);
    } catch (error) {
      if (!(error instanceof ThreadDied)) throw error; // what it held is free already
    }
  }

  private dispatch(): void {
    for (const work of this.work) {
      while (work.isWaiting && this.idle.length > 0) {
        const thread = this.idle.pop() as InferenceThread;
        void work.runNext(thread).then(() => {
          if (thread.isAlive) this.idle.push(thread);
          this.dispatch();
        });
      }
      if (!work.isWaiting) this.work.delete(work);
    }
  }

  private add(thread: InferenceThread): void {
    this.threads.add(thread);
    this.idle.push(thread);
    void thread.ended.then((fault) => {
      if (this.isClosed) return;
      this.threads.delete(thread);
      if (this.idle.includes(thread)) this.idle.splice(this.idle.indexOf(thread), 1);
      this.source.onTrouble('inference_thread_died', fault);
      this.replace(FIRST_PAUSE_MS);
    });
    this.dispatch();
  }

  private replace(pauseMs: number): void {
    const timer = setTimeout(() => {
      if (this.isClosed) return;
      this.source.start().then(
        (thread) => {
          if (this.isClosed)
            void this.letGo(thread); // meanwhile
          else this.add(thread);
        },
        (error: unknown) => {
          this.source.onTrouble('inference_thread_not_replaced', error);
          this.replace(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
        },
      );
    }, pauseMs);
    timer.unref();
  }
}
