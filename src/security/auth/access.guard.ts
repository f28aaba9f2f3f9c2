import { type IncomingMessage } from 'node:http';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type RequestHandler } from 'express';
import { type Principal } from '../../common/principal.js';
import { RequestContext } from '../../common/request-context.js';
import { Settings } from '../../config/settings.js';
import { NEEDS, type RouteNeeds, UNSAID } from '../../openapi/needs.js';
import { ClientAddress } from '../limits/client-address.js';
import { RateLimits } from '../limits/rate-limits.js';
import { Authenticator } from './authenticator.js';
import { credentialsOf } from './credentials.js';
import { Unauthorized } from './unauthorized.js';

/** A request whose route is known: Express and direct routes both set its parameters. */
interface Routed extends IncomingMessage {
  params?: Readonly<Record<string, unknown>>;
}

/**
 * Lets through, on every route, only who has the scope that the route needs, and may use the model that its path names;
 * who that is stands in the request's context from then on. It is put in where AUTH is on, and costs nothing where it
 * is not.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  private readonly open: ReadonlySet<string>;

  constructor(
    { AUTH_PUBLIC }: Settings,
    private readonly authenticator: Authenticator,
    private readonly reflector: Reflector,
    private readonly addresses: ClientAddress,
    @Inject(RateLimits) private readonly limits: RateLimits | undefined,
  ) {
    this.open = new Set(AUTH_PUBLIC);
  }

  /** @throws DomainError `unauthorized`, `forbidden`, `rate_limited`, `dependency_unavailable` */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const places = [context.getHandler(), context.getClass()];
    const needs = this.reflector.getAllAndOverride<RouteNeeds | undefined>(NEEDS, places) ?? UNSAID;
    return this.admit(context.switchToHttp().getRequest<Routed>(), needs);
  }

  /** The same for routes that are Express's own: handlers to be put before theirs. None where AUTH is off. */
  before(needs: RouteNeeds): RequestHandler[] {
    if (!this.authenticator.isOn) return [];
    return [
      async (request, _response, next) => {
        await this.admit(request, needs);
        next();
      },
    ];
  }

  private admit(request: Routed, { scope, area }: RouteNeeds): true | Promise<true> {
    if (area !== undefined && this.open.has(area)) return true;
    const context = RequestContext.of(request);
    const enter = (principal: Principal | undefined): true => {
      context.principal = principal;
      principal?.check(scope);
      const model = request.params?.model;
      // The registry asks this, too, of whatever is asked for by another way. Here no body has been read yet.
      if (typeof model === 'string') principal?.checkModel(model);
      return true;
    };
    let found: ReturnType<Authenticator['authenticate']>;
    try {
      found = this.authenticator.authenticate(credentialsOf(request));
    } catch (error) {
      return this.refuse(error, request);
    }
    return found instanceof Promise
      ? found.catch((error: unknown) => this.refuse(error, request)).then(enter)
      : enter(found);
  }

  /**
   * Counts who is not known as one row of its address: who guesses hears 429 in place of 401 before long. Whoever has a
   * key is limited by its name, and never for what others do from the same address.
   */
  private async refuse(error: unknown, request: IncomingMessage): Promise<never> {
    if (this.limits && error instanceof Unauthorized) {
      const context = RequestContext.of(request);
      context.allowance = this.limits.allowanceOf({ address: this.addresses.of(request) });
      await context.allowance.take(1);
    }
    throw error;
  }
}
