import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Batcher } from '../inference/batcher.js';
import { type RowResult } from '../inference/run-request.js';
import { type Row } from '../signature/columns.js';
import { type Prediction } from '../signature/prediction.js';
import { type Signature } from '../signature/signature.js';

/** A prediction, or why there is none for this row. */
export type RowOutcome = Prediction | Error;

/**
 * Predicts for rows that the signature accepted, in as few runs as their shapes and the version's limits allow.
 *
 * @returns an outcome for each row, in order; NonFiniteOutput in place of a prediction fails that row alone
 * @throws DomainError `inference_failed`, `overloaded`, `deadline_exceeded`; CallerLeft
 */
export async function predictRows(
  signature: Signature,
  batcher: Batcher,
  rows: readonly Row[],
  caller: Caller,
): Promise<RowOutcome[]> {
  const most = batcher.longestRequest(signature.fetches);
  if (fitOneRequest(signature, rows, most)) {
    const result = await batcher.submit(signature.request(rows), caller); // the usual case, without a detour
    return decodeRows(signature, result, rows.length);
  }
  const groups = groupRows(signature, rows, most);
  const requests = groups.map((group) => signature.request(group.rows));
  const results = await batcher.submitAll(requests, caller);
  const outcomes = new Array<RowOutcome>(rows.length);
  for (const [index, group] of groups.entries()) {
    const decoded = decodeRows(signature, results[index] as RowResult, group.rows.length);
    for (const [position, row] of group.indexes.entries()) outcomes[row] = decoded[position] as RowOutcome;
  }
  return outcomes;
}

/** Rows whose shape no row changes have the very same one: no need to sort them by it, 5 % of a batch of 100. */
function fitOneRequest(signature: Signature, rows: readonly Row[], most: number): boolean {
  if (rows.length === 1) return true;
  const shape = signature.shapeOf(rows[0] as Row);
  return rows.length <= most && rows.every((row) => signature.shapeOf(row) === shape);
}

interface Group {
  rows: Row[];
  /** Where each of them stands in the request. */
  indexes: number[];
}

/** The rows that go into each run: of one shape, and no more than `most`. */
function groupRows(signature: Signature, rows: readonly Row[], most: number): Group[] {
  const groups: Group[] = [];
  const open = new Map<string, Group>();
  for (const [index, row] of rows.entries()) {
    const { key } = signature.shapeOf(row);
    let group = open.get(key);
    if (!group || group.rows.length >= most) {
      group = { rows: [], indexes: [] };
      open.set(key, group);
      groups.push(group);
    }
    group.rows.push(row);
    group.indexes.push(index);
  }
  return groups;
}

/** @throws DomainError `inference_failed` when the outputs are not what the signature says */
function decodeRows(signature: Signature, { outputs, offset }: RowResult, rows: number): RowOutcome[] {
  const mismatch = signature.mismatch(outputs);
  if (mismatch !== undefined) throw new DomainError('inference_failed', `The model's ${mismatch}.`);
  const outcomes: RowOutcome[] = [];
  for (let row = offset; row < offset + rows; row++) {
    try {
      outcomes.push(signature.decode(outputs, row));
    } catch (error) {
      outcomes.push(error as Error);
    }
  }
  return outcomes;
}
