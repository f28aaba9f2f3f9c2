import { divide, known, literal, ONE, product, type Size } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { batchAxis, describeDims, isFixed, isRows, MAX_RANK, outerOf, refuse, type Value } from '../value.js';

/** One wanted size of a new shape; undefined where the graph computes it from values that are not followed. */
type Wanted = Size | undefined;

function reshape(step: Step): Value[] {
  const input = step.input(0);
  const shape = step.input(1);
  if (isRows(shape)) refuse('takes its shape from the data of the rows');
  if (!shape.elements) {
    return isFixed(input) ? [{ dims: undefined }] : refuse('takes its shape from values that are not followed');
  }
  const copies = step.int('allowzero', 0) === 0;
  const wanted = shape.elements.map((size, axis) => (copies && known(size) === 0 ? input.dims?.[axis] : size));
  return [{ ...reshaped(input, wanted, step), elements: input.elements }];
}

/** At most one wanted size is -1: what remains. */
function reshaped(input: Value, wanted: readonly Wanted[], step: Step): Value {
  const rest = remaining(input, wanted);
  const sizes = wanted.map((size) => (known(size) === -1 ? rest : size));
  if (!isRows(input) && sizes.some((size) => size?.batch)) refuse('spreads a fixed value over the rows');
  const outer = isRows(input) ? newOuter(input, sizes) : undefined;
  return { dims: sizes.map((size) => size ?? step.fresh()), outer };
}

function remaining({ dims }: Value, wanted: readonly Wanted[]): Wanted {
  const others = wanted.filter((size) => known(size) !== -1);
  if (!dims || others.some((size) => size === undefined)) return undefined;
  const [all, used] = [product(dims), product(others as Size[])];
  return all && used && divide(all, used);
}

/**
 * Values lie in memory in row-major order, and stay there: as blocks, each of which holds all rows one after the
 * other. Rows stay apart when the new batch axis can be cut at the same places, which are told by how many blocks
 * there are: those before the axis, times those within it.
 */
function newOuter(input: Value, sizes: readonly Wanted[]): Size {
  const dims = input.dims ?? [];
  const axis = batchAxis(input);
  const target = sizes.findIndex((size) => size?.batch);
  const blocks = product([...dims.slice(0, axis), outerOf(input)]);
  const before = sizes.slice(0, target);
  const blocksBefore = before.every((size) => size !== undefined) ? product(before) : undefined;
  const outer = blocks && blocksBefore && divide(blocks, blocksBefore);
  const fits = target >= 0 && outer && divide(sizes[target] as Size, outer);
  // An unknown size may be 0, which copies the size of the axis at its place; and there is one batch axis only.
  const copied = axis !== target && axis < sizes.length && sizes[axis] === undefined;
  const again = sizes.some((size, index) => index > target && size?.batch);
  return fits && !copied && !again ? outer : refuse(`may regroup the rows of ${describeDims(dims)}`);
}

function flatten(step: Step): Value[] {
  const input = step.input(0);
  if (!input.dims) return [{ dims: [step.fresh(), step.fresh()] }];
  const rank = input.dims.length;
  const axis = step.int('axis', 1);
  const split = axis === rank ? rank : fromFront(axis, rank);
  const wanted = [product(input.dims.slice(0, split)), product(input.dims.slice(split))];
  const between = input.dims.slice(1, -1);
  if (input.padding !== undefined && (split !== 1 || between.some((size) => known(size) !== 1))) {
    refuse('moves the padding between the tokens of a row');
  }
  return [{ ...reshaped(input, wanted, step), padding: input.padding }];
}

function transpose(step: Step): Value[] {
  const dims = step.dims(0);
  const order = step.ints('perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  if (order.length !== dims.length || new Set(order).size !== dims.length) refuse('has an incomplete order of axes');
  return [{ dims: order.map((axis) => dims[axis] ?? refuse(`has no axis ${axis}`)) }];
}

/** Axes are an attribute before opset 13, and an input since. */
function axesOf(step: Step): number[] | undefined {
  return step.version < 13 ? step.ints('axes') : step.numbers(1, 'its axes');
}

function squeeze(step: Step): Value[] {
  const { elements } = step.input(0);
  const dims = step.dims(0);
  const axes = axesOf(step)?.map((axis) => fromFront(axis, dims.length));
  if (!axes) {
    if (isRows(step.input(0))) refuse('removes the batch axis when there is one row');
    return [
      {
        dims: dims.some((size) => known(size) === undefined) ? undefined : dims.filter((size) => known(size) !== 1),
        elements,
      },
    ];
  }
  if (axes.some((axis) => dims[axis]?.batch)) refuse('removes the batch axis');
  return [{ dims: dims.filter((_, axis) => !axes.includes(axis)), elements }];
}

function unsqueeze(step: Step): Value[] {
  const { elements } = step.input(0);
  const dims = [...step.dims(0)];
  const axes = axesOf(step) ?? refuse('lacks its axes');
  const rank = dims.length + axes.length;
  if (rank > MAX_RANK) refuse('has too many dimensions');
  const sorted = axes.map((axis) => fromFront(axis, rank)).sort((a, b) => a - b);
  if (new Set(sorted).size !== sorted.length) refuse('adds an axis twice');
  for (const axis of sorted) dims.splice(axis, 0, ONE);
  return [{ dims, elements }];
}

/** The one operator, with Size, that may forget the rows: what it gives counts them instead. */
function shape(step: Step): Value[] {
  const { dims } = step.input(0);
  if (!dims) return [{ dims: [step.fresh()] }];
  const sizes = dims.slice(step.int('start', 0), step.has('end') ? step.int('end', 0) : undefined);
  return [{ dims: [literal(sizes.length)], elements: sizes }];
}

function size(step: Step): Value[] {
  const { dims } = step.input(0);
  const count = dims && product(dims);
  if (!count && isRows(step.input(0))) refuse('computes with the number of rows');
  return [{ dims: [], elements: [count] }];
}

function identity(step: Step): Value[] {
  return [step.input(0)];
}

export const SHAPES: OperatorTable = {
  Flatten: { rule: flatten, padding: true, outer: 'seen' },
  Identity: { rule: identity, counts: [0], padding: true, outer: 'seen' },
  Reshape: { rule: reshape, counts: [0, 1], outer: 'seen' },
  Shape: { rule: shape, counts: [0], outer: 'seen', forgets: true },
  Size: { rule: size, counts: [0], outer: 'seen', forgets: true },
  Squeeze: { rule: squeeze, counts: [0], outer: 'kept' },
  Transpose: { rule: transpose, outer: 'kept' },
  Unsqueeze: { rule: unsqueeze, counts: [0], outer: 'kept' },
};
