import { Injectable } from '@nestjs/common';
import { RepositoryService } from '../admin/repository.service.js';
import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { HealthService } from '../health/health.service.js';
import { OpenInferenceService } from '../open-inference/open-inference.service.js';
import { StatisticsService } from '../open-inference/statistics.service.js';
import { type Method } from './call.js';

interface NamedVersion {
  name: string;
  version: string;
}

interface RepositoryChange {
  repository_name: string;
  model_name: string;
  parameters: Record<string, unknown>;
}

/** The methods of inference.GRPCInferenceService, by their names; all but ModelInfer, which reads its bytes itself. */
@Injectable()
export class InferenceMethods {
  readonly byName: Readonly<Record<string, Method>>;

  constructor(
    readonly inference: OpenInferenceService,
    statistics: StatisticsService,
    repository: RepositoryService,
    health: HealthService,
  ) {
    this.byName = {
      ServerLive: probe(() => ({ live: !health.isStuck })),
      ServerReady: probe(() => ({ ready: health.isReady && !health.isDraining })),
      ModelReady: method('read', ({ name, version }: NamedVersion, { context }) => ({
        ready: isReady(inference, name, given(version), context),
      })),
      ServerMetadata: method('read', () => inference.describeServer()),
      ModelMetadata: method('read', ({ name, version }: NamedVersion, { context }) =>
        inference.describeModel(name, given(version), context),
      ),
      ModelStatistics: method('read', async ({ name, version }: NamedVersion, { context }) => ({
        model_stats: await statistics.read(given(name), given(version), context),
      })),
      RepositoryIndex: method('read', ({ ready }: { ready: boolean }, { context }) => ({
        models: repository.index(ready, context),
      })),
      RepositoryModelLoad: method('admin', async (change: RepositoryChange, { context }) => {
        await repository.load(modelOf(change), Object.keys(change.parameters), context);
        return {};
      }),
      RepositoryModelUnload: method('admin', async (change: RepositoryChange, { context }) => {
        await repository.unload(modelOf(change), context);
        return {};
      }),
    };
  }
}

function method(scope: Method['scope'], answer: Method['answer']): Method {
  return { scope, isProbe: false, answer };
}

function probe(answer: Method['answer']): Method {
  return { scope: 'read', isProbe: true, answer };
}

/** Triton's clients ask for models that are still to come, and take a failure for more than that. */
function isReady(inference: OpenInferenceService, name: string, version: string | undefined, caller: Caller): boolean {
  try {
    return inference.isModelReady(name, version, caller);
  } catch (error) {
    if (error instanceof DomainError && error.code !== 'forbidden') return false;
    throw error;
  }
}

/** A text that is not there is empty in protobuf. */
function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** KServe's clients have the model's name where Triton's have the repository's, of which there is one here. */
function modelOf({ model_name, repository_name }: RepositoryChange): string {
  return model_name === '' ? repository_name : model_name;
}
