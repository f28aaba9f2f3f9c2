import { type INestApplication, Inject, Module } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { PinoLogger } from 'nestjs-pino';
import { Settings } from '../../config/settings.js';
import { Metrics } from '../../metrics/metrics.js';
import { Redis } from '../../redis/redis.js';
import { RedisModule } from '../../redis/redis.module.js';
import { ClientAddress } from './client-address.js';
import { RateLimits } from './rate-limits.js';
import { type RowLimits } from './row-limits.js';
import { Siblings } from './siblings.js';

/** How many rows callers may send. */
@Module({
  imports: [RedisModule],
  providers: [
    ClientAddress,
    {
      provide: RateLimits,
      inject: [Settings, Metrics, PinoLogger, Redis, Siblings],
      useFactory: async (
        { RATE_LIMIT }: Settings,
        metrics: Metrics,
        logger: PinoLogger,
        redis: Redis | undefined,
        siblings: Siblings | undefined,
      ) => {
        if (RATE_LIMIT === 'off') return undefined;
        const { RowLimits } = await import('./row-limits.js');
        return new RowLimits(RATE_LIMIT, metrics, logger, redis, siblings);
      },
    },
  ],
  exports: [ClientAddress, RateLimits],
})
export class LimitsModule {
  constructor(
    @Inject(RateLimits) private readonly limits: RateLimits | undefined,
    private readonly addresses: ClientAddress,
    private readonly reflector: Reflector,
  ) {}

  /** Puts the guard in front of every route, where there is a RATE_LIMIT. */
  async guard(app: INestApplication): Promise<void> {
    if (!this.limits) return;
    const { RateLimitGuard } = await import('./rate-limit.guard.js');
    const guard = new RateLimitGuard(this.limits as RowLimits, this.addresses, this.reflector);
    await guard.onModuleInit(); // it is no provider: the throttler is loaded only where it is wanted
    app.useGlobalGuards(guard);
  }
}
