import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { HistoryModule } from '../history/history.module.js';
import { InferenceModule } from '../inference/inference.module.js';
import { FolderRepository } from './folder-repository.js';
import { Decisions, DecisionStore } from './decisions.js';
import { KeptDecisions } from './kept-decisions.js';
import { MemoryBudget } from './memory-budget.js';
import { ModelRegistry } from './model-registry.js';
import { Reconciler } from './reconciler.js';
import { RegistryGauges } from './registry-gauges.js';
import { ModelRepository } from './repository.js';
import { VersionLoader } from './version-loader.js';

@Module({
  imports: [DatabaseModule, HistoryModule, InferenceModule],
  providers: [
    ModelRegistry,
    MemoryBudget,
    VersionLoader,
    Decisions,
    Reconciler,
    RegistryGauges,
    { provide: ModelRepository, useClass: FolderRepository },
    { provide: DecisionStore, useClass: KeptDecisions },
  ],
  exports: [ModelRegistry, Reconciler],
})
export class RegistryModule {}
