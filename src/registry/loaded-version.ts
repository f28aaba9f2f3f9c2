import { DomainError } from '../common/errors.js';
import { type Session } from '../inference/engine.js';
import { type Row } from '../signature/columns.js';
import { type Prediction } from '../signature/prediction.js';
import { type Signature } from '../signature/signature.js';

/** A prediction, or why there is none for this row. */
export type RowOutcome = Prediction | Error;

/** A version in memory: valid rows in, predictions out. */
export class LoadedVersion {
  constructor(
    readonly session: Session,
    /** Absent where rows have no meaning: the model is then served as tensors only. */
    readonly signature: Signature | undefined,
  ) {}

  /**
   * Predicts for rows that the signature accepted, in as few runs as their shapes allow: one, unless rows differ in
   * shape or the graph takes a single row at a time.
   *
   * @returns an outcome for each row, in order; NonFiniteOutput in place of a prediction fails that row alone
   * @throws DomainError `inference_failed`
   */
  async predict(signature: Signature, rows: readonly Row[]): Promise<RowOutcome[]> {
    const outcomes = new Array<RowOutcome>(rows.length);
    for (const indexes of groups(signature, rows)) {
      const inputs = signature.encode(indexes.map((index) => rows[index] as Row));
      const outputs = await this.session.run(inputs, signature.fetches);
      const mismatch = signature.mismatch(outputs, indexes.length);
      if (mismatch !== undefined) throw new DomainError('inference_failed', `The model's ${mismatch}.`);
      indexes.forEach((index, position) => {
        outcomes[index] = decode(signature, outputs, position);
      });
    }
    return outcomes;
  }
}

/** The indexes of the rows that go into each run. */
function groups(signature: Signature, rows: readonly Row[]): number[][] {
  if (signature.maxRows === 1) return rows.map((_, index) => [index]);
  return [...Map.groupBy(rows.keys(), (index) => signature.shapeOf(rows[index] as Row)).values()];
}

function decode(signature: Signature, outputs: Parameters<Signature['decode']>[0], row: number): RowOutcome {
  try {
    return signature.decode(outputs, row);
  } catch (error) {
    return error as Error;
  }
}
