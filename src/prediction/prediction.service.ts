import { performance } from 'node:perf_hooks'; // the global one is looked up at each use
import { Injectable } from '@nestjs/common';
import { PredictionLog } from '../audit/prediction-log.js';
import { PredictionCache } from '../cache/prediction-cache.js';
import { type Caller, CallerLeft } from '../common/caller.js';
import { DomainError, type FieldProblem, MAX_PROBLEMS } from '../common/errors.js';
import { step, type TraceDetails } from '../common/trace.js';
import { validationFailed } from '../common/validation-failed.js';
import { type LookingUp, StoredFeatures } from '../features/stored-features.js';
import { Metrics } from '../metrics/metrics.js';
import { ModelRegistry, type Resolved, type Target } from '../registry/model-registry.js';
import { type VersionStatistics } from '../registry/version-statistics.js';
import { type Row } from '../signature/columns.js';
import { NonFiniteOutput, type Prediction } from '../signature/prediction.js';
import { type Signature } from '../signature/signature.js';

/** Where a row stands in what its sender sent, as a JSON pointer; for the paths of problems. */
export type RowPath = (row: number) => string;

/** What a route asks for besides a prediction. */
export interface Wishes {
  /** true: from the cache, unless model.yaml says never; without it where model.yaml says so. */
  cached?: boolean;
  /** true: each row must give the key of its stored features; false: where a row gives it, they are looked up. */
  lookup?: boolean;
}

/**
 * The data plane: rows in, predictions out. It knows models and signatures, and no transport: HTTP and whatever
 * comes later are thin edges on it.
 */
@Injectable()
export class PredictionService {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly cache: PredictionCache,
    private readonly metrics: Metrics,
    private readonly log: PredictionLog,
    private readonly features: StoredFeatures,
  ) {}

  /**
   * The version that answers.
   *
   * @throws DomainError `forbidden` where the caller may not use the model; `model_not_found`, `version_not_found`,
   *   `version_conflict`, `model_not_ready`, `model_unavailable`
   */
  resolve(target: Target, caller: Caller): Resolved | Promise<Resolved> {
    return this.registry.resolve(target, caller);
  }

  /**
   * Predicts for each row. One row that is not valid fails them all, and nothing is run. Where the signature says so,
   * rows that give a key are completed with what is stored for it.
   *
   * @throws DomainError `validation_failed` naming every problem of every row, `inference_failed`, `non_finite_output`,
   *   `overloaded`, `deadline_exceeded`; of stored features `features_not_found`, `stored_features_invalid`,
   *   `dependency_unavailable`; CallerLeft
   */
  predict(
    resolved: Resolved,
    rows: readonly unknown[],
    rowPath: RowPath,
    caller: Caller,
    wishes?: Wishes,
  ): Promise<Prediction[]> {
    const { model, version, loaded } = resolved;
    const { signature } = loaded;
    if (!signature) throw withoutSignature(model, version);
    if (wishes?.lookup || signature.lookup) {
      if (!isLookingUp(signature)) throw withoutLookup(model, version);
      if (wishes?.lookup || rows.some((row) => signature.lookup.concerns(row)))
        return this.predictLookedUp(resolved, signature, rows, rowPath, caller, wishes);
    }
    checkRows(signature, rows, rowPath);
    return this.run(resolved, signature, rows as Row[], rowPath, caller, wishes);
  }

  /** As `predict`, for rows some of whose features are stored. */
  private async predictLookedUp(
    resolved: Resolved,
    signature: LookingUp,
    rows: readonly unknown[],
    rowPath: RowPath,
    caller: Caller,
    wishes: Wishes | undefined,
  ): Promise<Prediction[]> {
    const { lookup } = signature;
    const letGo = resolved.loaded.hold();
    try {
      const isLookedUp = (row: unknown) => wishes?.lookup === true || lookup.concerns(row);
      checkRows({ problems: (row, most) => (isLookedUp(row) ? lookup : signature).problems(row, most) }, rows, rowPath);
      const complete = await step(caller, 'lookup', () =>
        this.features.complete(resolved, signature, rows as Row[], rowPath, caller),
      );
      checkRows(signature, complete, rowPath);
      const kept = resolved.log ? complete.map((row, index) => lookup.withKey(row, rows[index] as Row)) : complete;
      return await this.run(resolved, signature, complete, rowPath, caller, wishes, kept);
    } finally {
      letGo();
    }
  }

  private async run(
    resolved: Resolved,
    signature: Signature,
    rows: readonly Row[],
    rowPath: RowPath,
    caller: Caller,
    wishes: Wishes | undefined,
    kept = rows,
  ): Promise<Prediction[]> {
    const { model, version, loaded, caching, log } = resolved;
    const { statistics } = loaded;
    const startedAt = performance.now();
    try {
      const isCached = wishes?.cached ?? (caching !== undefined && caching !== 'never');
      const outcomes = await (isCached
        ? step(
            caller,
            'cache',
            () => this.cache.predict(resolved, signature, rows, caller),
            () => hitsOf(caller),
          )
        : loaded.predict(signature, rows, caller));
      const failed = outcomes.findIndex((outcome) => outcome instanceof Error);
      if (failed !== -1) throw toDomainError(outcomes[failed] as Error, rowPath(failed));
      const predictions = outcomes as Prediction[];
      count(statistics, caller, rows.length, startedAt);
      if (log) this.log.record(resolved, kept, predictions, caller, caller.cacheUse?.hits === rows.length);
      return predictions;
    } catch (error) {
      statistics.failed(startedAt);
      if (error instanceof CallerLeft) throw error;
      this.metrics.failures.inc({ model, version, code: error instanceof DomainError ? error.code : 'internal' });
      throw error;
    }
  }
}

function hitsOf({ cacheUse }: Caller): TraceDetails {
  return { 'nestor.cache_hits': cacheUse?.hits ?? 0 };
}

/** A request whose rows were all kept needed no run. */
function count(statistics: VersionStatistics, caller: Caller, rows: number, startedAt: number): void {
  const { cacheUse, queueMs, runMs } = caller;
  const now = performance.now();
  const ms = now - startedAt;
  if (cacheUse?.hits === rows) {
    statistics.answeredFromCache(ms);
    return;
  }
  if (cacheUse) statistics.missed(Math.max(0, ms - queueMs - runMs));
  statistics.answered(caller, startedAt, now);
}

function checkRows(signature: Pick<Signature, 'problems'>, rows: readonly unknown[], rowPath: RowPath): void {
  const errors: FieldProblem[] = [];
  // A batch of nothing but mistakes must not cost more than it says.
  for (let index = 0; index < rows.length && errors.length < MAX_PROBLEMS; index++) {
    const problems = signature.problems(rows[index], MAX_PROBLEMS - errors.length);
    for (const problem of problems ?? []) errors.push({ ...problem, path: rowPath(index) + problem.path });
  }
  if (errors.length > 0) throw validationFailed(errors, 'the row');
}

function toDomainError(error: Error, path: string): DomainError {
  if (!(error instanceof NonFiniteOutput))
    return new DomainError('internal', 'The server failed on this request.', { cause: error });
  const message = `The model's ${error.message}.`;
  return new DomainError('non_finite_output', message, {
    errors: [{ path, message: 'has no finite answer', code: 'non_finite' }],
  });
}

function withoutSignature(model: string, version: string): DomainError {
  return new DomainError(
    'validation_failed',
    `Version ${version} of ${model} takes tensors, not rows: it has no signature.yaml, and its inputs are not columns.`,
  );
}

function isLookingUp(signature: Signature): signature is LookingUp {
  return signature.lookup !== undefined;
}

function withoutLookup(model: string, version: string): DomainError {
  return new DomainError(
    'validation_failed',
    `Version ${version} of ${model} has no stored features: its signature.yaml has no \`lookup\`.`,
  );
}
