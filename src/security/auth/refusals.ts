import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Metrics } from '../../metrics/metrics.js';
import { Unauthorized } from './unauthorized.js';

/** Refusals of one kind are told once in this time, with how many they were: who guesses keys must not fill the log. */
const QUIET_MS = 10_000;

/** Counts callers that are refused, and tells of them in the log. Whom a line names is one of several, maybe. */
@Injectable()
export class Refusals {
  /** Refusals by reason since the line that told of one. */
  private readonly untold = new Map<string, number>();

  constructor(
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {}

  /** @param address where the last of them came from */
  note(error: unknown, address: string | undefined): void {
    const reason = error instanceof Unauthorized ? error.reason : 'keys_unavailable';
    this.metrics.refusedCallers.inc({ reason });
    const untold = this.untold.get(reason);
    if (untold === undefined) this.tell(reason, 1, address);
    else this.untold.set(reason, untold + 1);
  }

  private tell(reason: string, count: number, address?: string): void {
    this.logger.warn({ reason, count, address }, 'callers_refused');
    this.untold.set(reason, 0);
    setTimeout(() => {
      const untold = this.untold.get(reason) ?? 0;
      this.untold.delete(reason);
      if (untold > 0) this.tell(reason, untold);
    }, QUIET_MS).unref();
  }
}
