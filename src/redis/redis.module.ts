import { Module } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { Redis } from './redis.js';

/** Redis, where REDIS_URL names one; else undefined is injected. */
@Module({
  providers: [
    {
      provide: Redis,
      inject: [Settings, Metrics, PinoLogger],
      useFactory: (settings: Settings, metrics: Metrics, logger: PinoLogger) =>
        settings.REDIS_URL === undefined ? undefined : new Redis(settings.REDIS_URL, settings, metrics, logger),
    },
  ],
  exports: [Redis],
})
export class RedisModule {}
