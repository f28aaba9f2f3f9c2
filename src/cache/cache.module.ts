import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module.js';
import { PredictionCache } from './prediction-cache.js';

@Module({ imports: [RedisModule], providers: [PredictionCache], exports: [PredictionCache] })
export class CacheModule {}
