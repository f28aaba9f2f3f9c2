import { Injectable } from '@nestjs/common';
import { type Caller, CallerLeft } from '../common/caller.js';
import { DomainError, type FieldProblem } from '../common/errors.js';
import { Metrics } from '../metrics/metrics.js';
import { ModelRegistry, type Resolved, type Target } from '../registry/model-registry.js';
import { type Row } from '../signature/columns.js';
import { NonFiniteOutput, type Prediction } from '../signature/prediction.js';
import { type Signature } from '../signature/signature.js';

/** A request is told so many of its problems at most. */
const MAX_PROBLEMS = 1000;

/** Where a row stands in what its sender sent, as a JSON pointer; for the paths of problems. */
export type RowPath = (row: number) => string;

/**
 * The data plane: rows in, predictions out. It knows models and signatures, and no transport: HTTP and whatever
 * comes later are thin edges on it.
 */
@Injectable()
export class PredictionService {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly metrics: Metrics,
  ) {}

  /**
   * The version that answers.
   *
   * @throws DomainError `model_not_found`, `version_not_found`, `version_conflict`, `model_not_ready`, `model_unavailable`
   */
  resolve(target: Target): Resolved | Promise<Resolved> {
    return this.registry.resolve(target);
  }

  /**
   * Predicts for each row. One row that is not valid fails them all, and nothing is run.
   *
   * @throws DomainError `validation_failed` naming every problem of every row, `inference_failed`, `non_finite_output`,
   *   `overloaded`, `deadline_exceeded`; CallerLeft
   */
  async predict(
    { model, version, loaded }: Resolved,
    rows: readonly unknown[],
    rowPath: RowPath,
    caller: Caller,
  ): Promise<Prediction[]> {
    const { signature, statistics } = loaded;
    if (!signature) throw withoutSignature(model, version);
    checkRows(signature, rows, rowPath);
    const startedAt = performance.now();
    try {
      const outcomes = await loaded.predict(signature, rows as Row[], caller);
      for (const [row, outcome] of outcomes.entries()) {
        if (outcome instanceof Error) throw toDomainError(outcome, rowPath(row));
      }
      statistics.answered(caller, startedAt);
      return outcomes as Prediction[];
    } catch (error) {
      statistics.failed(startedAt);
      if (error instanceof CallerLeft) throw error;
      this.metrics.failures.inc({ model, version, code: error instanceof DomainError ? error.code : 'internal' });
      throw error;
    }
  }
}

function checkRows(signature: Signature, rows: readonly unknown[], rowPath: RowPath): void {
  const errors: FieldProblem[] = [];
  for (const [index, row] of rows.entries()) {
    const left = MAX_PROBLEMS - errors.length;
    if (left === 0) break; // a batch of nothing but mistakes must not cost more than it says
    for (const problem of signature.problems(row, left) ?? [])
      errors.push({ ...problem, path: rowPath(index) + problem.path });
  }
  if (errors.length > 0) throw validationFailed(errors);
}

/** The failure of a request with things wrong in it, all named. */
export function validationFailed(errors: FieldProblem[]): DomainError {
  const [first] = errors;
  const where = first?.path === '' ? 'the row' : first?.path;
  const count = errors.length === 1 ? '1 problem' : `${errors.length} problems, the first`;
  const more = errors.length === MAX_PROBLEMS ? ' There may be more.' : '';
  return new DomainError('validation_failed', `${count}: ${where} ${first?.message}.${more}`, { errors });
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
