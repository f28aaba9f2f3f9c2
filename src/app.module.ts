import { type DynamicModule, Module } from '@nestjs/common';
import { AdminModule } from './admin/admin.module.js';
import { ClusterModule } from './cluster/cluster.module.js';
import { ConfigModule } from './config/config.module.js';
import { type Environment } from './config/read-settings.js';
import { DocsModule } from './docs/docs.module.js';
import { GrpcModule } from './grpc/grpc.module.js';
import { HealthModule } from './health/health.module.js';
import { HttpModule } from './http/http.module.js';
import { LoggingModule } from './logging/logging.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OpenInferenceModule } from './open-inference/open-inference.module.js';
import { PredictionModule } from './prediction/prediction.module.js';
import { RegistryModule } from './registry/registry.module.js';
import { SecurityModule } from './security/security.module.js';
import { TracingModule } from './tracing/tracing.module.js';

@Module({})
export class AppModule {
  /** @param environment settings to take in place of the process's environment and `.env` */
  static forRoot(environment?: Environment): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(environment),
        LoggingModule,
        TracingModule,
        // Routes are tried in this order: predictions first.
        PredictionModule,
        OpenInferenceModule,
        AdminModule,
        HealthModule,
        GrpcModule,
        MetricsModule,
        DocsModule,
        RegistryModule,
        HttpModule,
        SecurityModule,
        ClusterModule,
      ],
    };
  }
}
