import { type ArgumentsHost, Catch, type ExceptionFilter, Injectable } from '@nestjs/common';
import { type Request, type Response } from 'express';
import { PinoLogger } from 'nestjs-pino';
import { CallerLeft } from '../common/caller.js';
import { ERROR_KINDS } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { RequestObserver } from '../logging/request-observer.js';
import { allowedMethods, toDomainError } from './to-domain-error.js';
import { writeProblem } from './write-json.js';

/** Answers every failure: as problem+json (RFC 9457), and as the Open Inference Protocol has it under its paths. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly settings: Settings,
    private readonly observer: RequestObserver,
    private readonly logger: PinoLogger,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    if (thrown instanceof CallerLeft) return; // nobody is there to be answered
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const context = RequestContext.of(request);
    const error = toDomainError(thrown, request, this.settings.DOCS);
    context.failure = error.code;
    const { http: status } = ERROR_KINDS[error.code];
    this.observer.observe(request, response);
    if (status >= 500 && error.cause !== undefined) {
      const { id, model, version, trace } = context;
      this.logger.error(
        {
          err: context.causeOf(error),
          request_id: id,
          trace_id: trace?.traceId,
          span_id: trace?.spanId,
          code: error.code,
          model,
          version,
        },
        'request_failed',
      );
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const allow = error.code === 'method_not_allowed' ? ['Allow', allowedMethods(request).join(', ')] : [];
    writeProblem(response, error, context, allow);
  }
}
