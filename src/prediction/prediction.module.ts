import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { CacheModule } from '../cache/cache.module.js';
import { FeaturesModule } from '../features/features.module.js';
import { HttpModule } from '../http/http.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { ModelsController } from './http/models.controller.js';
import { PredictController } from './http/predict.controller.js';
import { PredictHandler } from './http/predict.handler.js';
import { PreprocessingController } from './http/preprocessing.controller.js';
import { PredictionService } from './prediction.service.js';

@Module({
  imports: [AuditModule, CacheModule, FeaturesModule, HttpModule, RegistryModule],
  controllers: [PredictController, PreprocessingController, ModelsController],
  providers: [PredictionService, PredictHandler],
  exports: [PredictionService],
})
export class PredictionModule {}
