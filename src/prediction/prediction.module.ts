import { type MiddlewareConsumer, Module, type NestModule } from '@nestjs/common';
import { JsonBodyMiddleware } from '../http/json-body.middleware.js';
import { RegistryModule } from '../registry/registry.module.js';
import { ModelsController } from './http/models.controller.js';
import { PredictController } from './http/predict.controller.js';
import { PredictHandler } from './http/predict.handler.js';
import { PredictionService } from './prediction.service.js';

@Module({
  imports: [RegistryModule],
  controllers: [PredictController, ModelsController],
  providers: [PredictionService, PredictHandler],
  exports: [PredictionService],
})
export class PredictionModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(JsonBodyMiddleware).forRoutes(PredictController, ModelsController);
  }
}
