import { Inject, Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { type Scope } from '../common/principal.js';
import { Settings } from '../config/settings.js';
import { LocalOnly } from '../http/local-only.guard.js';
import { Authenticator } from '../security/auth/authenticator.js';
import { Unauthorized } from '../security/auth/unauthorized.js';
import { ClientAddress } from '../security/limits/client-address.js';
import { RateLimits } from '../security/limits/rate-limits.js';
import { type Call, type Method } from './call.js';

/** Stands before each method, as guards do before each route of HTTP: who may call it, and how often. */
@Injectable()
export class CallGuard {
  constructor(
    private readonly settings: Settings,
    private readonly localOnly: LocalOnly,
    private readonly authenticator: Authenticator,
    private readonly addresses: ClientAddress,
    @Inject(RateLimits) private readonly limits: RateLimits | undefined,
  ) {}

  /**
   * @returns a promise only where it has to wait for something before it knows
   * @throws DomainError `unauthorized`, `forbidden`, `rate_limited`, `dependency_unavailable`
   */
  admit(call: Call, { scope, isProbe }: Pick<Method, 'scope' | 'isProbe'>): Promise<void> | undefined {
    if (scope === 'admin') this.checkPlace(call);
    if (isProbe && this.settings.AUTH_PUBLIC.includes('probes')) return undefined;
    return this.authenticator.isOn || this.limits ? this.admitKnown(call, scope, isProbe) : undefined;
  }

  private async admitKnown(call: Call, scope: Scope, isProbe: boolean): Promise<void> {
    if (this.authenticator.isOn) await this.identify(call);
    call.context.principal?.check(scope);
    if (this.limits && scope !== 'admin' && !isProbe) await this.takeOne(call, this.limits);
  }

  private checkPlace(call: Call): void {
    const why = this.localOnly.objection(call);
    if (why !== undefined) throw new DomainError('forbidden', why);
  }

  private async identify(call: Call): Promise<void> {
    const { address } = call;
    const credentials = { authorization: call.all('authorization'), apiKey: call.all('x-api-key'), address };
    try {
      call.context.principal = await this.authenticator.authenticate(credentials);
    } catch (error) {
      if (this.limits && error instanceof Unauthorized) await this.takeOne(call, this.limits);
      throw error;
    }
  }

  private async takeOne({ address, context, headers }: Call, limits: RateLimits): Promise<void> {
    const { principal } = context;
    const from = principal ? '' : this.addresses.from(address, headers);
    context.allowance = limits.allowanceOf({ principal, address: from });
    await context.allowance.take(1);
  }
}
