import { DomainError } from '../common/errors.js';
import { type Batcher, type RowRequest, type RowResult } from '../inference/batcher.js';
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
  async predict(signature: Signature, rows: readonly Row[]): Promise<RowOutcome[]> {
    if (rows.length === 1) {
      const result = await this.batcher.submit(toRequest(signature, rows)); // the usual case, without a detour
      return decodeRows(signature, result, 1);
    }
    const groups = groupRows(signature, rows);
    const results = await this.batcher.submitAll(groups.map((group) => toRequest(signature, group.rows)));
    const outcomes = new Array<RowOutcome>(rows.length);
    for (const [index, group] of groups.entries()) {
      const decoded = decodeRows(signature, results[index] as RowResult, group.rows.length);
      for (const [position, row] of group.indexes.entries()) outcomes[row] = decoded[position] as RowOutcome;
    }
    return outcomes;
  }
}

interface Group {
  rows: Row[];
  /** Where each of them stands in the request. */
  indexes: number[];
}

/** The rows that go into each run. */
function groupRows(signature: Signature, rows: readonly Row[]): Group[] {
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

/** Rows of one shape, as a request to the batcher. */
function toRequest(signature: Signature, rows: readonly Row[]): RowRequest {
  const { rowDims, key } = signature.shapeOf(rows[0] as Row);
  return {
    rowDims,
    key,
    rows: rows.length,
    fetches: signature.fetches,
    write: (tensors, offset) => {
      signature.write(rows, tensors, offset);
    },
  };
}

/** @throws DomainError `inference_failed` when the outputs are not what the signature says */
function decodeRows(signature: Signature, { outputs, offset }: RowResult, rows: number): RowOutcome[] {
  const mismatch = signature.mismatch(outputs);
  if (mismatch !== undefined) throw new DomainError('inference_failed', `The model's ${mismatch}.`);
  return Array.from({ length: rows }, (_, index) => {
    try {
      return signature.decode(outputs, offset + index);
    } catch (error) {
      return error as Error;
    }
  });
}
