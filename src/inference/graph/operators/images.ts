import { divide, equal, literal, type Size, times } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { isRows, refuse, type Value } from '../value.js';
import { requireRowsFirst } from './axes.js';

type Element = Size | undefined;

/** Pixels become channels. */
function spaceToDepth(step: Step): Value[] {
  const block = literal(step.int('blocksize', 1));
  const deepen = (size: Size) => times(size, literal(step.int('blocksize', 1) ** 2));
  return rearranged(step, deepen, (size) => divide(size, block));
}

/** Channels become pixels. */
function depthToSpace(step: Step): Value[] {
  const block = literal(step.int('blocksize', 1));
  const flatten = (size: Size) => divide(size, literal(step.int('blocksize', 1) ** 2));
  return rearranged(step, flatten, (size) => times(size, block));
}

function rearranged(step: Step, depths: (size: Size) => Element, side: (size: Size) => Element): Value[] {
  const [rows, depth, ...sides] = requireRowsFirst(step.input(0), (rank) => rank === 4);
  if (!rows || !depth) return refuse('takes what is not an image');
  return [{ dims: [rows, depths(depth) ?? step.fresh(), ...sides.map((size) => side(size) ?? step.fresh())] }];
}

/** Stretches the axes of an image; the rows must be as many as before. */
function resize(step: Step): Value[] {
  if (step.text('coordinate_transformation_mode', '') === 'tf_crop_and_resize') refuse('crops what it resizes');
  if (step.text('keep_aspect_ratio_policy', 'stretch') !== 'stretch') refuse('takes its scale from several axes');
  const dims = step.dims(0);
  const wanted = wantedSizes(step, dims);
  const axes = step.ints('axes')?.map((axis) => fromFront(axis, dims.length)) ?? dims.map((_, axis) => axis);
  const resized = [...dims];
  axes.forEach((axis, index) => {
    const [before, after] = [dims[axis] as Size, wanted(index, axis)];
    if (before.batch && !(after && equal(before, after))) refuse(`resizes axis ${axis}, the batch`);
    resized[axis] = after ?? step.fresh();
  });
  return [{ dims: resized }];
}

/** Sizes, or factors, by the place in the list of axes. */
function wantedSizes(step: Step, dims: readonly Size[]): (index: number, axis: number) => Element {
  const sizes = step.inputs[3];
  if (sizes) return isRows(sizes) ? refuse('takes its sizes from the batch') : (index) => sizes.elements?.[index];
  if (step.has('scales')) return refuse('has its scales in an old form');
  const scales = step.fixed(step.version < 11 ? 1 : 2, 'its scales')?.elements;
  return (index, axis) => {
    const scale = scales?.[index];
    return scale && times(dims[axis] as Size, scale);
  };
}

export const IMAGES: OperatorTable = {
  DepthToSpace: { rule: depthToSpace },
  Resize: { rule: resize, counts: [3] },
  SpaceToDepth: { rule: spaceToDepth },
  Upsample: { rule: resize },
};
