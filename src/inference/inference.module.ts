import { Module } from '@nestjs/common';
import { InferenceEngine } from './engine.js';
import { OnnxEngine } from './onnx-engine.js';

@Module({
  providers: [{ provide: InferenceEngine, useClass: OnnxEngine }],
  exports: [InferenceEngine],
})
export class InferenceModule {}
