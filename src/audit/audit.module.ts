import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { KeptPredictions } from './kept-predictions.js';
import { PredictionLog } from './prediction-log.js';
import { PredictionsController } from './predictions.controller.js';

@Module({
  imports: [DatabaseModule, RegistryModule],
  controllers: [PredictionsController],
  providers: [PredictionLog, KeptPredictions],
  exports: [PredictionLog],
})
export class AuditModule {}
