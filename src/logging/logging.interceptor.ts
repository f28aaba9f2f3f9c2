import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Observable } from 'rxjs';
import { RequestContext } from '../common/request-context.js';
import { RequestObserver } from './request-observer.js';

/**
 * Logs `request_started` and `request_completed` for each request to the controllers that use it. Predictions call the
 * observer themselves: an interceptor alone would cost them half as much again.
 */
@Injectable()
export class LoggingInterceptor implements NestInterceptor {
  constructor(private readonly observer: RequestObserver) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<IncomingMessage>();
    const response = http.getResponse<ServerResponse>();
    this.observer.observe(request, response);
    const { id, trace } = RequestContext.of(request);
    response.setHeader('X-Request-Id', id);
    if (trace) response.setHeader('traceparent', trace.parent);
    return next.handle();
  }
}
