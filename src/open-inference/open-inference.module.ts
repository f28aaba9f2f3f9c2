import { Module } from '@nestjs/common';
import { RegistryModule } from '../registry/registry.module.js';
import { OpenInferenceService } from './open-inference.service.js';

/** The Open Inference Protocol: what talks to Triton, KServe or MLServer talks to this service. */
@Module({
  imports: [RegistryModule],
  providers: [OpenInferenceService],
  exports: [OpenInferenceService],
})
export class OpenInferenceModule {}
