import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Observable } from 'rxjs';
import { RequestObserver } from './request-observer.js';

/** Logs `request_started` and `request_completed` for each request that reaches a controller. */
@Injectable()
export class LoggingInterceptor implements NestInterceptor {
  constructor(private readonly observer: RequestObserver) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    this.observer.observe(http.getRequest(), http.getResponse());
    return next.handle();
  }
}
