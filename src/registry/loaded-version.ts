import { DomainError } from '../common/errors.js';
import { type Batcher, type RowResult } from '../inference/batcher.js';
import { type Graph } from '../inference/engine.js';
import { type Row } from '../signature/columns.js';
import { type Prediction } from '../signature/prediction.js';
import { type Signature } from '../signature/signature.js';

/** A prediction, or why there is none for this row. */
export type RowOutcome = Prediction | Error;

/** A version in memory: valid rows in, predictions out. */
export class LoadedVersion {
  constructor(
    readonly graph: Graph,
    /** Absent where rows have no meaning: the model is then served as tensors only. */
    readonly signature: Signature | undefined,
    readonly batcher: Batcher,
    /** Gives its memory back. To be called once, when nothing runs any more. */
    readonly release: () => Promise<void>,
  ) {}

  /**
   * Predicts for rows that the signature accepted, in as few runs as their shapes allow: one, unless rows differ in
   * shape or the graph takes a single row at a time.
   *
   * @returns an outcome for each row, in order; NonFiniteOutput in place of a prediction fails that row alone
   * @throws DomainError `inference_failed`, `overloaded`
   */
  predict(signature: Signature, rows: readonly Row[]): Promise<RowOutcome[]> {
    if (rows.length === 1) return this.predictTogether(signature, rows);
    const parts = groups(signature, rows);
    return parts.length === 1
      ? this.predictTogether(signature, rows)
      : this.predictGroups(signature, parts, rows.length);
  }

  private async predictGroups(signature: Signature, parts: readonly Group[], count: number): Promise<RowOutcome[]> {
    const outcomes = new Array<RowOutcome>(count);
    await Promise.all(
      parts.map(async ({ rows, indexes }) => {
        const predicted = await this.predictTogether(signature, rows);
        for (const [position, index] of indexes.entries()) outcomes[index] = predicted[position] as RowOutcome;
      }),
    );
    return outcomes;
  }

  /** Rows of one shape, in one run. */
  private async predictTogether(signature: Signature, rows: readonly Row[]): Promise<RowOutcome[]> {
    const { rowDims, key } = signature.shapeOf(rows[0] as Row);
    const result = await this.batcher.submit({
      rowDims,
      key,
      rows: rows.length,
      fetches: signature.fetches,
      write: (tensors, offset) => {
        signature.write(rows, tensors, offset);
      },
    });
    const mismatch = signature.mismatch(result.outputs);
    if (mismatch !== undefined) throw new DomainError('inference_failed', `The model's ${mismatch}.`);
    return rows.map((_, index) => decode(signature, result, index));
  }
}

interface Group {
  rows: Row[];
  /** Where each of them stands in the request. */
  indexes: number[];
}

/** The rows that go into each run. */
function groups(signature: Signature, rows: readonly Row[]): Group[] {
  if (signature.maxRows === 1) return rows.map((row, index) => ({ rows: [row], indexes: [index] }));
  const byKey = new Map<string, Group>();
  for (const [index, row] of rows.entries()) {
    const { key } = signature.shapeOf(row);
    let group = byKey.get(key);
    if (!group) byKey.set(key, (group = { rows: [], indexes: [] }));
    group.rows.push(row);
    group.indexes.push(index);
  }
  return [...byKey.values()];
}

function decode(signature: Signature, { outputs, offset }: RowResult, index: number): RowOutcome {
  try {
    return signature.decode(outputs, offset + index);
  } catch (error) {
    return error as Error;
  }
}
