import { type PinoLogger } from 'nestjs-pino';
import { sentence } from '../../common/did-you-mean.js';
import { firstLine } from '../../common/errors.js';

/** A text as it was read, and what it says. */
export interface Source<T> {
  readonly text: string;
  /** @throws Error whose message says what is wrong with the text */
  value(): T;
}

/** What is followed. */
interface Following<T> {
  /** What it is called in the log: `API keys`. */
  name: string;
  /** @throws Error whose message says why it cannot be read */
  read(): Promise<Source<T>>;
  /** Milliseconds between two looks, and to the next one after a failure. */
  everyMs: number;
  retryMs: number;
  /** Told when it says something else than before. */
  onChange(value: T): void;
}

/**
 * Something that is kept elsewhere and looked at again and again. What cannot be read, or not be understood, leaves in
 * force what was read before; the log says so once, and when that is over.
 */
export class Followed<T> {
  /** What it says; undefined until it was read for the first time. */
  value: T | undefined;
  /** Why the last look failed, in one line. */
  problem: string | undefined;
  private text: string | undefined;
  private looking: Promise<void> | undefined;
  private lookedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly what: Following<T>,
    private readonly logger: PinoLogger,
  ) {}

  /** Reads it for the first time, and follows it from then on. @throws Error when it cannot be read */
  async open(): Promise<void> {
    await this.read();
    this.lookLater();
  }

  /** Looks at it now; who asks while somebody looks shares that look. Never rejects. */
  look(): Promise<void> {
    this.looking ??= this.lookNow().finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** As `look`, unless the last look began less than so many milliseconds ago and is over. */
  lookAgain(cooldownMs: number): Promise<void> {
    const isRecent = performance.now() - this.lookedAt < cooldownMs;
    return this.looking ?? (isRecent ? Promise.resolve() : this.look());
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private async lookNow(): Promise<void> {
    clearTimeout(this.timer);
    try {
      await this.read();
      if (this.problem !== undefined) this.logger.info(`${this.what.name} can be read again.`);
      this.problem = undefined;
    } catch (error) {
      const problem = firstLine(error);
      if (problem !== this.problem && !this.isClosed) this.logger.error(this.complaint(problem));
      this.problem = problem;
    }
    this.lookLater();
  }

  private async read(): Promise<void> {
    this.lookedAt = performance.now();
    const source = await this.what.read();
    if (source.text === this.text) return;
    const value = source.value();
    this.text = source.text;
    this.value = value;
    this.what.onChange(value);
  }

  private lookLater(): void {
    if (this.isClosed) return;
    const { everyMs, retryMs } = this.what;
    this.timer = setTimeout(() => void this.look(), this.problem === undefined ? everyMs : retryMs).unref();
  }

  private complaint(problem: string): string {
    const inForce =
      this.value === undefined ? 'There are none until then.' : 'Those that were read before stay in force.';
    return `${this.what.name} cannot be read: ${sentence(problem)} ${inForce}`;
  }
}
