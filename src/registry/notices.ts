import { type PinoLogger } from 'nestjs-pino';

/** Lines for the operator about what a look found: each is told once, as long as it lasts. */
export class Notices {
  private lasting = new Set<string>();
  /** What the look before had found. */
  private before: ReadonlySet<string> = new Set();

  constructor(private readonly logger: PinoLogger) {}

  /** A new look begins: what it does not find again is over. */
  begin(): void {
    this.before = this.lasting;
    this.lasting = new Set();
  }

  end(): void {
    this.before = new Set();
  }

  tell(text: string, level: 'warn' | 'error'): void {
    const isNew = !this.lasting.has(text) && !this.before.has(text);
    this.lasting.add(text);
    if (isNew) this.logger[level](text);
  }
}
