import { Module } from '@nestjs/common';
import { HttpModule } from '../http/http.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { InferHandler } from './http/infer.handler.js';
import { OpenInferenceController } from './http/open-inference.controller.js';
import { OpenInferenceService } from './open-inference.service.js';

/** The Open Inference Protocol: what talks to Triton, KServe or MLServer talks to this service. */
@Module({
  imports: [HttpModule, RegistryModule],
  controllers: [OpenInferenceController],
  providers: [OpenInferenceService, InferHandler],
  exports: [OpenInferenceService],
})
export class OpenInferenceModule {}
