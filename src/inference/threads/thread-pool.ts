import { InferenceThread } from './inference-thread.js';

/** How long a thread without a model is kept for the next one: starting one takes 60 ms, and it holds 14 MB. */
const KEEP_MS = 5000;

/** All inference threads: those that hold a model, and one or two that may take the next. */
export class ThreadPool {
  private readonly all = new Set<InferenceThread>();
  private readonly free: InferenceThread[] = [];

  /** A thread without a model. */
  take(): InferenceThread {
    const free = this.free.pop();
    if (free?.isAlive) return free;
    const thread = new InferenceThread();
    this.all.add(thread);
    void thread.ended.then(() => this.all.delete(thread));
    return thread;
  }

  /** Takes back a thread that holds no model. */
  giveBack(thread: InferenceThread): void {
    this.free.push(thread);
    const timer = setTimeout(() => {
      const index = this.free.indexOf(thread);
      if (index < 0) return; // taken again
      this.free.splice(index, 1);
      void thread.end();
    }, KEEP_MS);
    timer.unref();
  }

  /** Milliseconds that the longest run under way has taken so far; 0 where none is. */
  longestRunMs(): number {
    const now = performance.now();
    return Math.max(0, ...[...this.all].map(({ runningSince = now }) => now - runningSince));
  }

  get isBusy(): boolean {
    return [...this.all].some(({ isBusy }) => isBusy);
  }

  /** Ends every thread, each once it has nothing to do. */
  async end(): Promise<void> {
    await Promise.all([...this.all].map((thread) => thread.end()));
  }
}
