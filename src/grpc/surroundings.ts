import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { type DomainError, ERROR_KINDS } from '../common/errors.js';
import { type RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { CallGuard } from './call-guard.js';
import { CallObserver } from './call-observer.js';

/** What every call shares: who may call, what is logged and counted, how long it may take. */
@Injectable()
export class Surroundings {
  constructor(
    readonly guard: CallGuard,
    readonly observer: CallObserver,
    private readonly settings: Settings,
    private readonly logger: PinoLogger,
  ) {}

  /** Milliseconds that a call may take; its own deadline may allow fewer. */
  get timeLimitMs(): number {
    return this.settings.REQUEST_TIMEOUT_MS;
  }

  /** Writes into the log what is the server's fault, and why. */
  report(error: DomainError, context: RequestContext): void {
    const { code } = error;
    if (ERROR_KINDS[code].http < 500 || error.cause === undefined) return;
    const { id, model, version } = context;
    this.logger.error({ err: context.causeOf(error), request_id: id, code, model, version }, 'request_failed');
  }
}
