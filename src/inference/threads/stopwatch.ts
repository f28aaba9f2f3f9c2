import { readFileSync } from 'node:fs';

/** What the kernel tells of the thread that reads it: nanoseconds on a core, nanoseconds of waiting for one. */
const SCHEDULING = '/proc/thread-self/schedstat';

/**
 * Measures how long work takes on the thread that makes it, as if nothing else wanted the cores: on a busy machine, as
 * it is when a service starts, a run of 32 rows would seem to take several times as long as it does.
 */
export class Stopwatch {
  private readonly startedAt = performance.now();
  private readonly waitedBefore = waitedMs();

  /**
   * @param ms that a piece of work took, begun and ended since this was made
   * @returns without those in which the thread waited for a core; on other systems than Linux, `ms`
   */
  withoutWaits(ms: number): number {
    const waited = waitedMs() - this.waitedBefore;
    // It may have waited right before the work, or after it: what is taken off must have been counted.
    return waited === 0 ? ms : Math.min(ms, performance.now() - this.startedAt - waited);
  }
}

function waitedMs(): number {
  try {
    const waitedNs = readFileSync(SCHEDULING, 'latin1').split(' ')[1];
    return Number(waitedNs ?? 0) / 1e6;
  } catch {
    return 0; // no Linux
  }
}
