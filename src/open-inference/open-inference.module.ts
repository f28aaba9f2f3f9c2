import { Module } from '@nestjs/common';
import { RegistryModule } from '../registry/registry.module.js';
import { StatisticsController } from './http/statistics.controller.js';
import { OpenInferenceService } from './open-inference.service.js';
import { StatisticsService } from './statistics.service.js';

/** The Open Inference Protocol: what talks to Triton, KServe or MLServer talks to this service. */
@Module({
  imports: [RegistryModule],
  controllers: [StatisticsController],
  providers: [OpenInferenceService, StatisticsService],
  exports: [OpenInferenceService, StatisticsService],
})
export class OpenInferenceModule {}
