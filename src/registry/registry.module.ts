import { Module } from '@nestjs/common';
import { HistoryModule } from '../history/history.module.js';
import { InferenceModule } from '../inference/inference.module.js';
import { FolderRepository } from './folder-repository.js';
import { ModelRegistry } from './model-registry.js';
import { Reconciler } from './reconciler.js';
import { ModelRepository } from './repository.js';
import { VersionLoader } from './version-loader.js';

@Module({
  imports: [HistoryModule, InferenceModule],
  providers: [ModelRegistry, VersionLoader, Reconciler, { provide: ModelRepository, useClass: FolderRepository }],
  exports: [ModelRegistry, Reconciler],
})
export class RegistryModule {}
