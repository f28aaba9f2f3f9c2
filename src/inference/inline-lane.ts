import { type Lane, type Work } from './lane.js';
import { type Session } from './session.js';

/** Milliseconds of runs that are started in one turn; the rest waits for the next, after what else is to be done. */
const TURN_MS = 2;

/**
 * The turns of the HTTP thread's event loop, shared by the models that run on it. Within a turn each of them gets a
 * run in its turn, until the turn's time is used up: a model with a long queue does not keep the others waiting.
 *
 *     poll: parse, submit, submit, submit … │ check: one run for all of them │ poll: answers, next requests …
 */
export class Turns {
  /** In the order of their turns. */
  private readonly queue = new Map<Work, Session>();
  private isScheduled = false;
  private running = 0;

  add(work: Work, session: Session): void {
    if (!this.queue.has(work)) this.queue.set(work, session);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.running > 0 || this.queue.size === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.start();
    });
  }

  private start(): void {
    let left = TURN_MS;
    while (left > 0) {
      const [next] = this.queue;
      if (!next) return;
      const [work, session] = next;
      this.queue.delete(work);
      left -= Math.max(work.expectedMs, MIN_RUN_MS);
      this.running++;
      void work.runNext(session).then(() => {
        this.running--;
        this.schedule();
      });
      if (work.isWaiting) this.queue.set(work, session);
    }
  }
}

/** A run is taken to last this long at least: the promise and the tensors around it cost so much. */
const MIN_RUN_MS = 0.01;

/** Runs on the HTTP thread: for models whose runs are short. */
export class InlineLane implements Lane {
  readonly placement = 'inline';
  readonly width = 1;

  constructor(
    private readonly session: Session,
    private readonly turns: Turns,
  ) {}

  schedule(work: Work): void {
    this.turns.add(work, this.session);
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
