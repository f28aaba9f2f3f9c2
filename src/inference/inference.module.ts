import { Module } from '@nestjs/common';
import { InferenceEngine } from './engine.js';

@Module({
  providers: [InferenceEngine],
  exports: [InferenceEngine],
})
export class InferenceModule {}
