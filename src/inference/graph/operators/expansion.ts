import { broadcast } from '../broadcast.js';
import { known, literal, product, type Size, times } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { isFixed, isRows, refuse, type Value } from '../value.js';
import { elementsOf, MAX_ELEMENTS } from './arithmetic.js';

const UNKNOWN_SHAPE = 'takes its shape from values that are not followed';

/** The sizes that an input holds, any of which may be unknown, or undefined where not even their number is known. */
function sizesIn(step: Step, index: number): readonly Size[] | undefined {
  const value = step.input(index);
  if (isRows(value)) refuse('takes its shape from the data of the rows');
  if (value.elements?.some((size) => (known(size) ?? 0) < 0)) refuse('has a negative size');
  const count = known(value.dims?.[0]);
  const unknown = count === undefined || count > MAX_ELEMENTS ? undefined : new Array<undefined>(count).fill(undefined);
  return (value.elements ?? unknown)?.map((size) => size ?? step.fresh());
}

/** A value of one entry that is copied for every row is the same for every row. */
function expand(step: Step): Value[] {
  const { dims } = step.input(0);
  const shape = sizesIn(step, 1);
  if (dims && shape) return [{ dims: broadcast([dims, shape], () => step.fresh()) }];
  return [0, 1].some((index) => !isFixed(step.input(index))) ? refuse(UNKNOWN_SHAPE) : [{ dims: undefined }];
}

/** Copies stand after each other: N copies of k entries give each row k of them. */
function tile(step: Step): Value[] {
  const repeats = sizesIn(step, 1) ?? refuse(UNKNOWN_SHAPE);
  const dims = step.dims(0).map((size, axis) => {
    const repeat = repeats[axis] ?? refuse('lacks a number of copies');
    if (size.batch && known(repeat) !== 1) refuse('repeats the batch');
    return times(size, repeat) ?? (size.batch || repeat.batch ? refuse('repeats too much') : step.fresh());
  });
  return [{ dims: oneBatch(dims) }];
}

function constantOfShape(step: Step): Value[] {
  const dims = sizesIn(step, 0);
  if (!dims) return [{ dims: undefined }];
  return [{ dims: oneBatch(dims), elements: filled(step, dims) }];
}

function filled(step: Step, dims: readonly Size[]): readonly (Size | undefined)[] | undefined {
  const count = known(product(dims));
  const value = step.tensor('value');
  const [element] = value ? (elementsOf(value) ?? []) : [literal(0)];
  return count === undefined || count > MAX_ELEMENTS || !element ? undefined : new Array<Size>(count).fill(element);
}

function oneBatch(dims: readonly Size[]): readonly Size[] {
  return dims.filter(({ batch }) => batch).length > 1 ? refuse('meets each row with every other') : dims;
}

/** Counts up. A number for each row in turn would depend on where the row stands. */
function range(step: Step): Value[] {
  const [start, limit, delta] = [0, 1, 2].map((index) => step.fixed(index, 'its bounds')?.elements?.[0]);
  const plain = known(start) === 0 && known(delta) === 1 && limit && limit.factor >= 0;
  return [{ dims: [plain ? limit : step.fresh()] }];
}

function oneHot(step: Step): Value[] {
  const depth = step.fixed(1, 'its depth')?.elements?.[0];
  step.fixed(2, 'its values');
  const dims = [...step.dims(0)];
  dims.splice(fromFront(step.int('axis', -1), dims.length + 1), 0, depth ?? step.fresh());
  return [{ dims }];
}

export const EXPANSION: OperatorTable = {
  ConstantOfShape: { rule: constantOfShape, counts: [0] },
  Expand: { rule: expand, counts: [1] },
  OneHot: { rule: oneHot },
  Range: { rule: range },
  Tile: { rule: tile, counts: [1] },
};
