import { type Caller } from '../common/caller.js';
import { type Trace } from '../common/trace.js';

/** All who wait for one run, as one caller: it is given up once none of them waits any more. */
export class Crew implements Caller {
  queueMs = 0;
  inputMs = 0;
  runMs = 0;
  ranAt = 0;
  lookupMs = 0;
  private readonly members = new Set<Caller>();

  join(caller: Caller): void {
    this.members.add(caller);
  }

  /** Waits no longer, and is told what the run took so far. */
  leave(caller: Caller): void {
    this.members.delete(caller);
    caller.queueMs = Math.max(caller.queueMs, this.queueMs);
    caller.inputMs += this.inputMs;
    caller.runMs += this.runMs;
    caller.ranAt = Math.max(caller.ranAt, this.ranAt);
  }

  /** Of the one who waits longest: the run is shown once. */
  get trace(): Trace | undefined {
    const [first] = this.members;
    return first?.trace;
  }

  /** The last one of all. */
  get deadline(): number {
    let last = -Infinity;
    for (const { deadline } of this.members) last = Math.max(last, deadline);
    return last;
  }

  get hasLeft(): boolean {
    for (const { hasLeft } of this.members) if (!hasLeft) return false;
    return true;
  }
}
