import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type ExecutionContext } from '@nestjs/common';
import { type Reflector } from '@nestjs/core';
import { ThrottlerGuard, type ThrottlerRequest } from '@nestjs/throttler';
import { RequestContext } from '../../common/request-context.js';
import { isDirect } from '../../http/direct-route.js';
import { setHeaders } from '../../http/security-headers.js';
import { NEEDS, type RouteNeeds, UNSAID } from '../../openapi/needs.js';
import { type ClientAddress } from './client-address.js';
import { type RowLimits } from './row-limits.js';

/**
 * Takes the one row that each request has, before anything of it is read. More rows are taken by whoever counts them:
 * the request's context has its allowance. It is put in where there is a RATE_LIMIT, and costs nothing where there is none.
 */
export class RateLimitGuard extends ThrottlerGuard {
  /** Whether requests of a handler are counted. */
  private readonly known = new Map<object, boolean>();

  constructor(
    private readonly limits: RowLimits,
    private readonly addresses: ClientAddress,
    reflector: Reflector,
  ) {
    super([{ limit: limits.limit, ttl: limits.seconds * 1000 }], limits.storage, reflector);
  }

  /** What the throttler reads of a route is the same for each of its requests, and costs 4 µs: it is read once. */
  override canActivate(execution: ExecutionContext): Promise<boolean> {
    const isCounted = this.known.get(execution.getHandler());
    if (isCounted === undefined) return super.canActivate(execution);
    return isCounted ? this.takeOne(execution) : YES;
  }

  /** Probes, metrics and pages are not counted, nor is who may change something: a roll-back must not have to wait. */
  protected override shouldSkip(execution: ExecutionContext): Promise<boolean> {
    const places = [execution.getHandler(), execution.getClass()];
    const { scope, area } = this.reflector.getAllAndOverride<RouteNeeds | undefined>(NEEDS, places) ?? UNSAID;
    const isSkipped = area !== undefined || scope === 'admin';
    this.known.set(execution.getHandler(), !isSkipped);
    return Promise.resolve(isSkipped);
  }

  protected override handleRequest({ context }: ThrottlerRequest): Promise<boolean> {
    return this.takeOne(context);
  }

  /** @throws DomainError `rate_limited` */
  private async takeOne(execution: ExecutionContext): Promise<boolean> {
    const request = execution.switchToHttp().getRequest<IncomingMessage>();
    const context = RequestContext.of(request);
    const { principal } = context;
    const allowance = this.limits.allowanceOf({ principal, address: principal ? '' : this.addresses.of(request) });
    context.allowance = allowance;
    await allowance.take(1);
    // Whoever answers by Express knows nothing of the context.
    if (!isDirect(request)) setHeaders(execution.switchToHttp().getResponse<ServerResponse>(), allowance.headers);
    return true;
  }
}

const YES = Promise.resolve(true);
