import { Module } from '@nestjs/common';
import { AdminModule } from '../admin/admin.module.js';
import { HttpModule } from '../http/http.module.js';
import { HealthModule } from '../health/health.module.js';
import { OpenInferenceModule } from '../open-inference/open-inference.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { SecurityModule } from '../security/security.module.js';
import { TracingModule } from '../tracing/tracing.module.js';
import { CallGuard } from './call-guard.js';
import { CallObserver } from './call-observer.js';
import { GrpcServer } from './grpc-server.js';
import { HealthCalls } from './health-calls.js';
import { InferenceMethods } from './inference-methods.js';
import { Surroundings } from './surroundings.js';

/** Everything that is answered over gRPC. */
@Module({
  imports: [AdminModule, HealthModule, HttpModule, OpenInferenceModule, RegistryModule, SecurityModule, TracingModule],
  providers: [GrpcServer, InferenceMethods, HealthCalls, Surroundings, CallGuard, CallObserver],
})
export class GrpcModule {}
