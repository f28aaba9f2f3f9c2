/** The end of this turn of the event loop, one for all who wait for it. */
export class EndOfTurn {
  private end: Promise<void> | undefined;

  wait(): Promise<void> {
    this.end ??= new Promise((resolve) => {
      setImmediate(() => {
        this.end = undefined;
        resolve();
      });
    });
    return this.end;
  }
}
