import { broadcast } from '../broadcast.js';
import { equal, known, type Size } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { isRows, refuse, type Value } from '../value.js';
import { combine } from './elementwise.js';

type Dims = readonly Size[];

/**
 * numpy's matmul: the last two axes are multiplied, those before are broadcast. The batch may be one of those
 * before, or an axis that is kept; the sum over the one in between would mix rows.
 */
export function matrixProduct(left: Dims, right: Dims, fresh: () => Size): Size[] {
  if (left.length === 0 || right.length === 0) refuse('multiplies a scalar');
  const [k, otherK] = [left.at(-1), right.at(right.length === 1 ? 0 : -2)];
  if (k?.batch || otherK?.batch) refuse('sums over the batch');
  const rows = left.slice(-2, -1);
  const columns = right.length === 1 ? [] : right.slice(-1);
  if (rows[0]?.batch && columns[0]?.batch) refuse('multiplies each row with every other');
  const result = [...broadcast([left.slice(0, -2), right.slice(0, -2)], fresh), ...rows, ...columns];
  return result.filter(({ batch }) => batch).length > 1 ? refuse('multiplies each row with every other') : result;
}

function product(step: Step, left: Dims, right: Dims): Value {
  return { dims: matrixProduct(left, right, () => step.fresh()) };
}

function matMul(step: Step): Value[] {
  return [product(step, step.dims(0), step.dims(1))];
}

function gemm(step: Step): Value[] {
  const left = flipped(step.dims(0), step.int('transA', 0));
  const right = flipped(step.dims(1), step.int('transB', 0));
  if (left.length !== 2 || right.length !== 2) refuse('multiplies what is not a matrix');
  const result = product(step, left, right);
  const added = step.inputs[2];
  return [added ? combine([result, added], step) : result];
}

/** MatMul that turns its operands first, as the runtime's own optimiser writes it. */
function fusedMatMul(step: Step): Value[] {
  if (step.int('transBatchA', 0) || step.int('transBatchB', 0)) refuse('turns the axes of the batch');
  const left = flipped(step.dims(0), step.int('transA', 0));
  return [product(step, left, flipped(step.dims(1), step.int('transB', 0)))];
}

function flipped(dims: Dims, flip: number): Dims {
  if (!flip || dims.length < 2) return dims;
  return [...dims.slice(0, -2), ...dims.slice(-1), ...dims.slice(-2, -1)];
}

/** Integers with zero points: one for all rows. */
function matMulInteger(step: Step): Value[] {
  requireOne(step, [2]);
  step.fixed(3, 'a zero point');
  if (isRows(step.input(1))) requireOne(step, [3]);
  return matMul(step);
}

function qLinearMatMul(step: Step): Value[] {
  requireOne(step, isRows(step.input(3)) ? [1, 2, 4, 5, 6, 7] : [1, 2, 6, 7]);
  [4, 5].forEach((index) => step.fixed(index, 'its scale'));
  return [product(step, step.dims(0), step.dims(3))];
}

/** Scales and zero points that are one number each, and so the same for every row. */
export function requireOne(step: Step, indices: readonly number[]): void {
  for (const index of indices) {
    const value = step.fixed(index, 'its scale');
    if (value && !value.dims?.every((size) => known(size) === 1)) refuse('has a scale for each row');
  }
}

/** Each label is an axis; the batch must keep one label of its own, which the result has once. */
function einsum(step: Step): Value[] {
  const [inputs = '', output] = step.text('equation', '').replaceAll(' ', '').split('->');
  const terms = inputs.split(',');
  if (output === undefined || !/^[A-Za-z,]*$/.test(inputs + output)) refuse('has an equation that is not followed');
  if ([...terms, output].some((term) => new Set(term).size !== term.length)) refuse('takes a diagonal');
  if (terms.length !== step.inputs.length) refuse('has an equation for another number of inputs');
  const sizes = new Map<string, Size>();
  terms.forEach((term, index) => {
    addLabels(sizes, term, step.input(index));
  });
  const batch = [...sizes].filter(([, size]) => size.batch).map(([label]) => label);
  if (batch.length > 1) refuse('meets each row with every other');
  if (batch.some((label) => !output.includes(label))) refuse('sums over the batch');
  return [{ dims: Array.from(output, (label) => sizes.get(label) ?? refuse('has an equation that is not followed')) }];
}

function addLabels(sizes: Map<string, Size>, term: string, { dims }: Value): void {
  if (dims?.length !== term.length) refuse('has an equation for other numbers of dimensions');
  dims.forEach((size, axis) => {
    const label = term[axis] as string;
    const before = sizes.get(label);
    if (before && (before.batch || size.batch) && !equal(before, size)) refuse('meets the batch with another axis');
    if (!before || known(before) === 1) sizes.set(label, size);
  });
}

export const PRODUCTS: OperatorTable = {
  Einsum: { rule: einsum },
  Gemm: { rule: gemm },
  MatMul: { rule: matMul },
  MatMulInteger: { rule: matMulInteger },
  QLinearMatMul: { rule: qLinearMatMul },
};

/** The same, as ONNX Runtime's optimiser writes them (`com.microsoft`). */
export const FUSED_PRODUCTS: OperatorTable = {
  FusedGemm: { rule: gemm },
  FusedMatMul: { rule: fusedMatMul },
};
