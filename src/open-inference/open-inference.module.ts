import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { InferHandler } from './http/infer.handler.js';
import { OpenInferenceController } from './http/open-inference.controller.js';
import { StatisticsController } from './http/statistics.controller.js';
import { OpenInferenceService } from './open-inference.service.js';
import { StatisticsService } from './statistics.service.js';

/** The Open Inference Protocol: what talks to Triton, KServe or MLServer talks to this service. */
@Module({
  imports: [HttpModule, RegistryModule],
  // A model of the name `stats` is not asked for its own description.
  controllers: [StatisticsController, OpenInferenceController],
  providers: [OpenInferenceService, StatisticsService, InferHandler],
  exports: [OpenInferenceService, StatisticsService],
})
export class OpenInferenceModule {}
