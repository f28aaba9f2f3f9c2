/** Rows by caller, as the storage names it. */
export type TakenRows = readonly (readonly [caller: string, rows: number])[];

/** The other processes of this service, each of which counts in its own memory. Where there are none, undefined. */
export abstract class Siblings {
  /** Told what was taken in one of them. */
  onTold: (taken: TakenRows) => void = () => undefined;
  /** Tells them what was taken here. */
  abstract tell(taken: TakenRows): void;
}

/** How long what was taken gathers. */
const GATHER_MS = 50;

/**
 * Gathers what was taken here for the others. Until they are told, each knows its own part only: a caller with
 * connections to all may take the limit from each once, and what was too much is missing from what comes after. A share
 * of the limit for each would be wrong for good: connections are spread over processes, rows are not.
 */
export class Shared {
  private readonly taken = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly siblings: Siblings) {}

  note(caller: string, rows: number): void {
    this.taken.set(caller, (this.taken.get(caller) ?? 0) + rows);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.siblings.tell([...this.taken]);
      this.taken.clear();
    }, GATHER_MS).unref();
  }
}
