import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DatabaseModule } from '../database/database.module.js';
import { InferenceModule } from '../inference/inference.module.js';
import { RedisModule } from '../redis/redis.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { DependenciesService } from './dependencies.service.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';
import { OpenInferenceHealthController } from './open-inference-health.controller.js';

@Module({
  imports: [TerminusModule.forRoot({ logger: false }), DatabaseModule, RedisModule, InferenceModule, RegistryModule],
  controllers: [HealthController, OpenInferenceHealthController],
  providers: [HealthService, DependenciesService],
  exports: [HealthService],
})
export class HealthModule {}
