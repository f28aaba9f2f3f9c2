import { known, literal, ONE, type Size, times } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { isRows, refuse, type Tracked, type Value } from '../value.js';
import { requireRowsFirst } from './axes.js';
import { requireOne } from './products.js';

type Dims = readonly Size[];

/** The settings that a convolution and a pool share, one number for each axis that a window slides along. */
interface Window {
  kernel: readonly (number | undefined)[];
  strides: readonly number[];
  dilations: readonly number[];
  /** Those before, then those after. */
  pads: readonly number[];
}

/** Images: rows, channels, and at least one axis that windows slide along. */
function images(step: Step): Dims {
  return requireRowsFirst(step.input(0), (rank) => rank >= 3);
}

function readWindow(step: Step, kernel: readonly (number | undefined)[]): Window {
  const ones = kernel.map(() => 1);
  return {
    kernel,
    strides: step.ints('strides') ?? ones,
    dilations: step.ints('dilations') ?? ones,
    pads: step.ints('pads') ?? kernel.flatMap(() => [0, 0]),
  };
}

/** How many places a window has along each axis; unknown where the exporter left the padding to the runtime. */
function slide(step: Step, sizes: Dims, { kernel, strides, dilations, pads }: Window): Size[] {
  const padded = step.text('auto_pad', 'NOTSET');
  return sizes.map((size, axis) => {
    const [length, width] = [known(size), kernel[axis]];
    if (padded !== 'NOTSET' || length === undefined || width === undefined) return step.fresh();
    const padding = (pads[axis] ?? 0) + (pads[axis + sizes.length] ?? 0);
    const room = length + padding - (width - 1) * (dilations[axis] ?? 1) - 1;
    const places = room / (strides[axis] ?? 1);
    const rounds = Number.isInteger(places) || step.int('ceil_mode', 0) === 0;
    return rounds ? literal(Math.floor(places) + 1) : step.fresh();
  });
}

function kernelOf(step: Step, weights: Dims): (number | undefined)[] {
  return step.ints('kernel_shape') ?? weights.slice(2).map(known);
}

/** Weights, and whatever follows them, are the same for all rows. */
function requireFixed(step: Step, from: number): void {
  for (let index = from; index < step.inputs.length; index++) step.fixed(index, 'its weights');
}

function convolve(step: Step, weightsAt: number): Value {
  const [rows, , ...sizes] = images(step);
  const weights = step.dims(weightsAt);
  if (!rows || weights.length !== sizes.length + 2) return refuse('has weights of another number of dimensions');
  return { dims: [rows, weights[0] as Size, ...slide(step, sizes, readWindow(step, kernelOf(step, weights)))] };
}

function conv(step: Step): Value[] {
  requireFixed(step, 1);
  return [convolve(step, 1)];
}

function convInteger(step: Step): Value[] {
  requireOne(step, [2]);
  return conv(step);
}

function qLinearConv(step: Step): Value[] {
  requireFixed(step, 1);
  requireOne(step, [1, 2]);
  return [convolve(step, 3)];
}

function convTranspose(step: Step): Value[] {
  requireFixed(step, 1);
  const [rows, , ...sizes] = images(step);
  const weights = step.dims(1);
  if (!rows || weights.length !== sizes.length + 2) return refuse('has weights of another number of dimensions');
  const channels = times(weights[1] as Size, literal(step.int('group', 1))) ?? step.fresh();
  return [{ dims: [rows, channels, ...widened(step, sizes, readWindow(step, kernelOf(step, weights)))] }];
}

function widened(step: Step, sizes: Dims, { kernel, strides, dilations, pads }: Window): Size[] {
  const plain = step.text('auto_pad', 'NOTSET') === 'NOTSET' && !step.has('output_shape');
  const extra = step.ints('output_padding') ?? [];
  return sizes.map((size, axis) => {
    const [length, width] = [known(size), kernel[axis]];
    if (!plain || length === undefined || width === undefined) return step.fresh();
    const padding = (pads[axis] ?? 0) + (pads[axis + sizes.length] ?? 0);
    const covered = (strides[axis] ?? 1) * (length - 1) + (width - 1) * (dilations[axis] ?? 1) + 1;
    return literal(covered + (extra[axis] ?? 0) - padding);
  });
}

function pool(step: Step): Tracked[] {
  const [rows, channels, ...sizes] = images(step);
  const kernel = step.ints('kernel_shape') ?? refuse('lacks the size of its window');
  if (!rows || !channels || kernel.length !== sizes.length) return refuse('has a window of other dimensions');
  const dims = [rows, channels, ...slide(step, sizes, readWindow(step, kernel))];
  // MaxPool's second output says where in the whole batch each maximum stands.
  return [{ dims }, isRows(step.input(0)) ? step.mixed('numbers the places of the whole batch') : { dims }];
}

function globalPool(step: Step): Value[] {
  const dims = images(step);
  return [{ dims: dims.map((size, axis) => (axis < 2 ? size : ONE)) }];
}

export const WINDOWS: OperatorTable = {
  AveragePool: { rule: pool },
  Conv: { rule: conv },
  ConvInteger: { rule: convInteger },
  ConvTranspose: { rule: convTranspose },
  GlobalAveragePool: { rule: globalPool },
  GlobalLpPool: { rule: globalPool },
  GlobalMaxPool: { rule: globalPool },
  LpPool: { rule: pool },
  MaxPool: { rule: pool },
  QLinearConv: { rule: qLinearConv },
};

/** As ONNX Runtime's optimiser writes it (`com.microsoft`); with a fourth input it adds another image, not followed. */
export const FUSED_WINDOWS: OperatorTable = { FusedConv: { rule: conv } };
