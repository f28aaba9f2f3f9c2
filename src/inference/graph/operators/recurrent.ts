import { type Size } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { isRows, refuse, type Value } from '../value.js';
import { requireAligned } from './axes.js';

/**
 * LSTM, GRU and RNN: along the sequence, row by row.
 *
 * With layout 0 the input is [sequence, N, features], with layout 1 [N, sequence, features].
 */
function recurrent(step: Step): Value[] {
  [1, 2, 3, 7].forEach((index) => step.fixed(index, 'its weights'));
  if (step.inputs[4]) refuse('takes the length of each row as an input');
  const rowsFirst = step.int('layout', 0) === 1;
  const dims = step.dims(0);
  const [sequence, rows] = rowsFirst ? [dims[1], dims[0]] : [dims[0], dims[1]];
  const [directions, , hidden] = step.dims(2);
  if (dims.length !== 3 || !sequence || !rows || !directions || !hidden) return refuse('takes what is not a sequence');
  if (isRows(step.input(0)) && !rows.batch) refuse('runs along the batch as along a sequence');
  requireStates(step, rowsFirst);
  const state = rowsFirst ? [rows, directions, hidden] : [directions, rows, hidden];
  const all = rowsFirst ? [rows, sequence, directions, hidden] : [sequence, directions, rows, hidden];
  return [{ dims: all }, { dims: state }, { dims: state }];
}

/** States to start from are [directions, N, hidden]: each row has its own. */
function requireStates(step: Step, rowsFirst: boolean): void {
  for (const index of [5, 6]) {
    const state = step.inputs[index];
    if (!state) continue;
    const dims: readonly Size[] = step.dims(index);
    if (dims.length !== 3) refuse('starts from states of other dimensions');
    // As the input is seen: its rows are axis 1, or axis 0, of both.
    const axis = rowsFirst ? 0 : 1;
    if (!dims[axis]?.batch && isRows(step.input(0))) refuse('starts all rows from one state');
    requireAligned([step.input(0), state]);
  }
}

export const RECURRENT: OperatorTable = {
  GRU: { rule: recurrent },
  LSTM: { rule: recurrent },
  RNN: { rule: recurrent },
};
