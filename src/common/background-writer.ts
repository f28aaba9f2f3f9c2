import { News } from './news.js';
import { within } from './within.js';

/** Milliseconds for which items gather, and after which those that could not be written are tried again. */
const GATHER_MS = 1000;
/** Milliseconds that the last items may take when the service ends. */
const LAST_ITEMS_MS = 2000;

/** Items that were not written, and never will be. */
export interface Lost {
  count: number;
  /** Why they were refused; undefined where too many waited. */
  error: unknown;
  /** Whether it is worth a line in the log: once a minute. */
  isNews: boolean;
}

export interface BackgroundWriterOptions<Item> {
  /** Writes a batch. One that failed since the place was away comes again: whether it arrived nobody knows. */
  write: (batch: readonly Item[]) => Promise<void>;
  /** Whether a failure is one of the place that is written to, which may be back later; else the batch is refused. */
  isAway: (error: unknown) => boolean;
  /** Items in a batch: one that is full is written at once, any other when its items have gathered for a second. */
  batchSize: number;
  /** What may wait altogether; beyond it the oldest are lost. */
  mostWaiting: number;
  /** How much of that an item takes; without it, 1. */
  weigh?: (item: Item) => number;
  onLost: (lost: Lost) => void;
}

/**
 * Writes in the background what must neither delay nor break anything: items wait in memory, bounded, and go out in
 * batches, one after the other, in the order in which they came. While the place that they go to is away they wait on.
 *
 *     add → │ first │ … │ last │      only the last batch grows, only the first is being written
 */
export class BackgroundWriter<Item> {
  private readonly batches: Item[][] = [];
  private weight = 0;
  /** Items ever added, and those of them that are written or lost: the first so many. */
  private added = 0;
  private settled = 0;
  private timer: NodeJS.Timeout | undefined;
  private pass: Promise<void> | undefined;
  /** The batch under way: nothing is added to it, nor dropped. */
  private writing: Item[] | undefined;
  private isAway = false;
  private isStopping = false;
  private readonly news = new News();

  constructor(private readonly options: BackgroundWriterOptions<Item>) {}

  /** Takes an item. Never throws, and never waits. */
  add(item: Item): void {
    let last = this.batches.at(-1);
    if (!last || last === this.writing || last.length >= this.options.batchSize) this.batches.push((last = []));
    last.push(item);
    this.added++;
    this.weight += this.weightOf(item);
    if (this.weight > this.options.mostWaiting) this.drop();
    this.goOn();
  }

  /** Writes all that waits now: resolves once it is written or lost, or the place is away. Never rejects. */
  async flush(): Promise<void> {
    const { added } = this;
    while (this.settled < added) {
      await this.writeFirst();
      if (this.isAway) return;
    }
  }

  /** Writes what is left when the service ends, within two seconds; what is not written by then is lost. */
  async stop(): Promise<void> {
    this.isStopping = true;
    // What came while a batch was written goes in a second one.
    const written = this.flush().then(() => this.flush());
    await within(LAST_ITEMS_MS, written).catch(() => undefined);
    const left = this.added - this.settled;
    if (left > 0) this.options.onLost({ count: left, error: new Error('the service ends'), isNews: true });
  }

  private goOn(): void {
    if (this.isStopping || this.batches.length === 0) return;
    if (this.batches.length > 1 && !this.isAway) void this.writeFirst();
    else this.timer ??= setTimeout(() => void this.writeFirst(), GATHER_MS).unref();
  }

  private writeFirst(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pass ??= this.tryFirst().finally(() => {
      this.pass = undefined;
      this.goOn();
    });
    return this.pass;
  }

  private async tryFirst(): Promise<void> {
    const [batch] = this.batches;
    if (!batch) return;
    this.writing = batch;
    try {
      await this.options.write(batch);
      this.isAway = false;
    } catch (error) {
      this.isAway = this.options.isAway(error);
      if (this.isAway) return; // they wait
      this.lose(batch.length, error);
    } finally {
      this.writing = undefined;
    }
    this.batches.shift();
    for (const item of batch) this.leave(item);
  }

  /** Makes room by dropping the oldest that are not being written. */
  private drop(): void {
    const at = this.writing ? 1 : 0;
    let count = 0;
    for (let oldest = this.batches[at]; oldest && this.weight > this.options.mostWaiting; oldest = this.batches[at]) {
      this.leave(oldest.shift() as Item);
      if (oldest.length === 0) this.batches.splice(at, 1);
      count++;
    }
    if (count > 0) this.lose(count, undefined);
  }

  private leave(item: Item): void {
    this.settled++;
    this.weight -= this.weightOf(item);
  }

  private lose(count: number, error: unknown): void {
    this.options.onLost({ count, error, isNews: this.news.isDue() });
  }

  private weightOf(item: Item): number {
    return this.options.weigh?.(item) ?? 1;
  }
}
