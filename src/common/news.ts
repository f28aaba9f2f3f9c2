const EVERY_MS = 60_000;

/** What is worth a line in the log once a minute: what goes on for long would fill it. */
export class News {
  private toldAt = -Infinity;

  /** Whether it is to be told now. */
  isDue(): boolean {
    const now = performance.now();
    if (now - this.toldAt < EVERY_MS) return false;
    this.toldAt = now;
    return true;
  }
}
