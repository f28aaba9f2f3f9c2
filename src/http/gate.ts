import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { RequestObserver } from '../logging/request-observer.js';
import { Cors } from './cors.js';
import { malformed } from './malformed.js';
import { writeProblem } from './write-json.js';

/** What every request passes before it is routed, whatever the route. */
@Injectable()
export class Gate {
  private readonly cors: Cors | undefined;

  constructor(
    { CORS_ORIGINS }: Settings,
    private readonly observer: RequestObserver,
  ) {
    if (CORS_ORIGINS.length > 0) this.cors = new Cors(CORS_ORIGINS);
  }

  /** Whether it goes on; else it is answered. */
  readonly admits = (request: IncomingMessage, response: ServerResponse): boolean => {
    const problem = malformed(request);
    if (problem !== undefined) {
      this.refuse(request, response, problem);
      return false;
    }
    if (!this.cors?.answers(request, response)) return true;
    this.observer.observe(request, response);
    return false;
  };

  private refuse(request: IncomingMessage, response: ServerResponse, problem: string): void {
    this.observer.observe(request, response);
    response.shouldKeepAlive = false; // nobody knows where the next request begins
    writeProblem(response, new DomainError('malformed_request', problem), RequestContext.of(request));
  }
}
