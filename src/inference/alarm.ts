/** Goes off at the earliest of the times that it is told. */
export class Alarm {
  private timer: NodeJS.Timeout | undefined;
  private at = Infinity;

  /** @param onTime what is to be done then; gives the next time, Infinity for none */
  constructor(private readonly onTime: (now: number) => number) {}

  /** @param at by the monotonic clock, in milliseconds */
  set(at: number): void {
    if (at >= this.at) return;
    clearTimeout(this.timer);
    this.at = at;
    this.timer = setTimeout(
      () => {
        this.at = Infinity;
        this.set(this.onTime(performance.now()));
      },
      Math.max(1, Math.ceil(at - performance.now())),
    );
    this.timer.unref();
  }
}
