/**
 * Lets so many pieces of work be under way at a time, in the order in which they were asked for. Work begins at the end
 * of a turn of the event loop: by then all that the turn brought is known, and may go together.
 */
export class Slots {
  private readonly queue: (() => Promise<void>)[] = [];
  private isScheduled = false;

  constructor(private free: number) {}

  /** @param work never rejects */
  take(work: () => Promise<void>): void {
    this.queue.push(work);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.free === 0 || this.queue.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      for (const work of this.queue.splice(0, this.free)) {
        this.free--;
        void work().then(() => {
          this.free++;
          this.schedule();
        });
      }
    });
  }
}
