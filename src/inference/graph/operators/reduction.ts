import { literal, ONE, product, type Size } from '../size.js';
import { fromFront, type Operator, type OperatorTable, type Step } from '../step.js';
import { batchAxis, isCounted, isRows, refuse, type Value } from '../value.js';
import { offBatch, replaceAxis, requireOff } from './axes.js';

/** Sums, means and the like over axes that are not the batch. */
function reduce(step: Step): Value[] {
  const value = step.input(0);
  const axes = reducedAxes(step);
  if (axes.length === 0) return [{ dims: step.dims(0) }];
  if (isCounted(value)) return [{ dims: keep(step, axes), elements: [multiply(step, value)] }];
  for (const axis of axes) requireOff(value, axis, 'reduces');
  return [{ dims: keep(step, axes) }];
}

/** Exporters multiply the sizes of a shape to count its entries. */
function multiply(step: Step, { elements = [] }: Value): Size {
  const sizes = elements.filter((element) => element !== undefined);
  const result = step.operator === 'ReduceProd' && sizes.length === elements.length ? product(sizes) : undefined;
  return result ?? refuse('computes with the number of rows');
}

/** Axes are an attribute before opset 18 (13 for ReduceSum), and an input since. None at all means every axis. */
function reducedAxes(step: Step): number[] {
  const dims = step.dims(0);
  const old = step.version < (step.operator === 'ReduceSum' ? 13 : 18);
  const axes = old ? step.ints('axes') : step.numbers(1, 'its axes');
  if (axes?.length) return axes.map((axis) => fromFront(axis, dims.length));
  if (!old && step.int('noop_with_empty_axes', 0) === 1) return [];
  const batch = batchAxis(step.input(0));
  return batch < 0 ? dims.map((_, axis) => axis) : refuse(`reduces all axes, and axis ${batch} is the batch`);
}

function keep(step: Step, axes: readonly number[]): Size[] {
  const dims = step.dims(0);
  if (step.int('keepdims', 1) !== 0) return dims.map((size, axis) => (axes.includes(axis) ? ONE : size));
  return dims.filter((_, axis) => !axes.includes(axis));
}

/** The place of the largest or smallest entry along an axis that is not the batch. */
function argument(step: Step): Value[] {
  return [{ dims: keep(step, [offBatch(step, 0, 'searches')]) }];
}

/** The largest entries along an axis that is not the batch. Their number is an attribute before opset 10. */
function topK(step: Step): Value[] {
  const axis = offBatch(step, -1, 'sorts');
  const count = step.version < 10 ? literal(step.int('k', 0)) : step.fixed(1, 'how many it keeps')?.elements?.[0];
  const dims = replaceAxis(step.dims(0), axis, count ?? step.fresh());
  return [{ dims }, { dims }];
}

function cumulate(step: Step): Value[] {
  const [axis] = step.numbers(1, 'its axis') ?? [];
  if (axis === undefined) return refuse('lacks its axis');
  requireOff(step.input(0), fromFront(axis, step.dims(0).length), 'adds up along');
  return [{ dims: step.dims(0) }];
}

/** Before opset 13 the axes from the given one on are taken together. */
function softmax(step: Step): Value[] {
  const value = step.input(0);
  const { length: rank } = step.dims(0);
  const flattens = step.version < 13;
  const axis = fromFront(step.int('axis', flattens ? 1 : -1), rank);
  const batch = batchAxis(value);
  if (isRows(value) && (flattens ? batch >= axis : batch === axis)) {
    refuse(`normalises over ${flattens ? 'all axes from ' : ''}axis ${axis}${flattens ? ' on, with' : ','} the batch`);
  }
  return [{ dims: value.dims }];
}

const counting: Operator = { rule: reduce, counts: [0] };
const reducing: Operator = { rule: reduce };

export const REDUCTION: OperatorTable = {
  ArgMax: { rule: argument },
  ArgMin: { rule: argument },
  CumSum: { rule: cumulate },
  Hardmax: { rule: softmax },
  LogSoftmax: { rule: softmax },
  ReduceL1: reducing,
  ReduceL2: reducing,
  ReduceLogSum: reducing,
  ReduceLogSumExp: reducing,
  ReduceMax: reducing,
  ReduceMean: reducing,
  ReduceMin: reducing,
  ReduceProd: counting,
  ReduceSum: reducing,
  ReduceSumSquare: reducing,
  Softmax: { rule: softmax },
  TopK: { rule: topK },
};
