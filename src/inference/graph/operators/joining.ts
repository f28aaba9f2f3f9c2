import { known, literal, type Size, times } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { batchAxis, isCounted, outerOf, refuse, type Value } from '../value.js';
import { MAX_ELEMENTS } from './arithmetic.js';
import { offBatch, replaceAxis, requireAligned, requireOff, sum } from './axes.js';

/** Joins values along an axis that is not the batch; or along the batch, which then comes several times. */
function concat(step: Step): Value[] {
  const values = step.inputs.map((_, index) => step.input(index));
  const elements = joinedElements(values);
  if (!elements && values.some(isCounted)) refuse('computes with the number of rows');
  const shapes = values.map((_, index) => step.dims(index));
  requireSameRank(shapes);
  const axis = fromFront(step.int('axis', 0), step.dims(0).length);
  requireAligned(values);
  const others = step.dims(0).map((size, other) => shapes.map((dims) => dims[other]).find((own) => known(own)) ?? size);
  if (axis === batchAxis(step.input(0))) return [joinedBatches(step, others, axis)];
  const joined = sum(
    shapes.map((dims) => dims[axis] as Size),
    step,
  );
  return [{ dims: replaceAxis(others, axis, joined), elements, outer: step.input(0).outer }];
}

function joinedBatches(step: Step, dims: readonly Size[], axis: number): Value {
  const count = literal(step.inputs.length);
  const [size, outer] = [times(dims[axis] as Size, count), times(outerOf(step.input(0)), count)];
  return size && outer ? { dims: replaceAxis(dims, axis, size), outer } : refuse('joins too many values');
}

function requireSameRank(shapes: readonly (readonly Size[])[]): void {
  if (new Set(shapes.map(({ length }) => length)).size > 1) refuse('joins values of different numbers of dimensions');
}

function joinedElements(values: readonly Value[]): readonly (Size | undefined)[] | undefined {
  const parts = values.map(({ dims, elements }) => (dims?.length === 1 ? elements : undefined));
  const count = parts.reduce((total, part) => total + (part?.length ?? Infinity), 0);
  return count <= MAX_ELEMENTS ? parts.flatMap((part) => part ?? []) : undefined;
}

/** Parts along an axis that is not the batch. */
function split(step: Step): Value[] {
  const dims = step.dims(0);
  const axis = offBatch(step, 0, 'splits');
  return partSizes(step, dims[axis] as Size).map((size) => ({ dims: replaceAxis(dims, axis, size) }));
}

/** The sizes are an attribute before opset 13 and an input since; without them the parts are equal. */
function partSizes(step: Step, whole: Size): Size[] {
  const given = step.version < 13 ? step.ints('split') : fixedSizes(step);
  if (given) return given.map((size) => (size === undefined ? step.fresh() : literal(size)));
  const count = step.outputCount;
  const total = known(whole);
  const even = total !== undefined && total % count === 0 ? literal(total / count) : undefined;
  return Array.from({ length: count }, () => even ?? step.fresh());
}

function fixedSizes(step: Step): (number | undefined)[] | undefined {
  const sizes = step.fixed(1, 'the sizes of its parts');
  return sizes && (sizes.elements?.map(known) ?? new Array<undefined>(step.outputCount).fill(undefined));
}

/** Adds entries at the ends of axes that are not the batch. */
function pad(step: Step): Value[] {
  const value = step.input(0);
  const dims = step.dims(0);
  const pads = step.version < 11 ? step.ints('pads') : step.numbers(1, 'its widths');
  if (!pads) return refuse('lacks its widths');
  step.fixed(2, 'its filling');
  const axes = step.numbers(3, 'its axes')?.map((axis) => fromFront(axis, dims.length)) ?? dims.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length) refuse('has a wrong number of widths');
  const padded = [...dims];
  axes.forEach((axis, index) => {
    const [before, after] = [pads[index] ?? 0, pads[index + axes.length] ?? 0];
    if (before === 0 && after === 0) return;
    requireOff(value, axis, 'adds entries along');
    const size = known(dims[axis]);
    padded[axis] = size === undefined ? step.fresh() : literal(size + before + after);
  });
  return [{ dims: padded }];
}

export const JOINING: OperatorTable = {
  Concat: { rule: concat, counts: 'any', outer: 'seen' },
  Pad: { rule: pad, outer: 'kept' },
  Split: { rule: split, outer: 'kept' },
};
