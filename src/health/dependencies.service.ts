import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { Database } from '../database/database.js';
import { Redis } from '../redis/redis.js';

/** What the service can do without for a while: it only degrades. It is not asked here, so probes never wait. */
@Injectable()
export class DependenciesService {
  constructor(
    private readonly keep: Database,
    @Inject(Redis) private readonly shared: Redis | undefined,
    private readonly indicators: HealthIndicatorService,
  ) {}

  /** Degraded while the database is away: what is loaded serves without it. */
  database(): HealthIndicatorResult {
    return this.check('database', this.keep);
  }

  /** Degraded while Redis is away; nothing where there is none. */
  redis(): HealthIndicatorResult {
    return this.shared ? this.check('redis', this.shared) : {};
  }

  private check(name: string, { problem }: { problem: string | undefined }): HealthIndicatorResult {
    const indicator = this.indicators.check(name);
    return problem === undefined ? indicator.up() : indicator.degraded('away: the log says why');
  }
}
