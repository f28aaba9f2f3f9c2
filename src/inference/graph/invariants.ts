import { equal, ONE, type Size } from './size.js';
import { type Operator } from './step.js';
import { batchSize, isCounted, isMixed, isRows, MAX_RANK, outerOf, refuse, type Tracked, type Value } from './value.js';

type Inputs = readonly (Value | undefined)[];

/** Counts of rows, padding, and rows that come several times are good only for the operators that know them. */
export function requireTaken({ counts = [], padding, outer }: Operator, inputs: Inputs): void {
  inputs.forEach((input, index) => {
    if (!input) return;
    if (isCounted(input) && counts !== 'any' && !counts.includes(index)) refuse('computes with the number of rows');
    if (input.padding !== undefined && !padding) refuse('sees what fills texts up to the longest of the batch');
    if (!outer && !equal(outerOf(input), ONE)) refuse('takes rows that come several times');
  });
}

/** That no rule lets rows get lost on the way; nor may one value have rows along two axes. */
export function finish({ forgets, outer }: Operator, inputs: Inputs, results: readonly Tracked[]): readonly Tracked[] {
  const rows = inputs.filter((input) => input !== undefined).filter(isRows);
  const [first] = rows;
  return results.map((result) => {
    if (isMixed(result)) return result;
    if (first && !forgets && !isRows(result)) refuse('loses the rows');
    if ((result.dims?.filter(({ batch }) => batch).length ?? 0) > 1) refuse('meets each row with every other');
    if ((result.dims?.length ?? 0) > MAX_RANK) refuse('has too many dimensions');
    if (outer !== 'kept' || !isRows(result) || !first) return result;
    return { ...result, outer: commonOuter(rows, result) };
  });
}

/** Entries along the batch axis stay in their places. */
function commonOuter(rows: readonly Value[], result: Value): Size {
  const [first = result] = rows;
  const outer = outerOf(first);
  if (equal(outer, ONE) && rows.every((value) => equal(outerOf(value), ONE))) return ONE;
  const alike = [...rows, result].every((value) => equal(batchSize(value) as Size, batchSize(first) as Size));
  return alike && rows.every((value) => equal(outerOf(value), outer))
    ? outer
    : refuse('takes rows that do not line up');
}
