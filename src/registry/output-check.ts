import { patientCaller } from '../common/caller.js';
import { SourceProblem } from '../common/source-file.js';
import { type Batcher } from '../inference/batcher.js';
import { type Row } from '../signature/columns.js';
import { type Signature } from '../signature/signature.js';
import { predictRows } from './predict-rows.js';

/** So many rows are asked, spread over all that there are: a slow model runs once for each. */
const MAX_ROWS = 32;

/**
 * Asks the model for rows one by one, and compares all that it says with its signature. (One by one, since some
 * exporters declare a label of one element, whatever the number of rows.)
 *
 * @throws SourceProblem where the outputs contradict signature.yaml
 */
export async function checkOutputs(signature: Signature, batcher: Batcher, rows: readonly Row[]): Promise<void> {
  const checking = signature.checking();
  const step = Math.ceil(rows.length / MAX_ROWS);
  for (let index = 0; index < rows.length; index += step) {
    const [outcome] = await predictRows(checking, batcher, [rows[index] as Row], patientCaller());
    if (outcome instanceof SourceProblem) throw outcome;
  }
}
