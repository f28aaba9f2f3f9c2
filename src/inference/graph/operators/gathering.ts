import { known, type Size } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { isCounted, isFixed, isRows, refuse, type Value } from '../value.js';
import { offBatch, replaceAxis, requireAligned } from './axes.js';

/** Takes entries along an axis that is not the batch, or from a table that all rows share. */
function gather(step: Step): Value[] {
  const [data, indices] = [step.input(0), step.input(1)];
  const dims = step.dims(0);
  if (isCounted(data))
    return [{ dims: indices.dims, elements: pick(data, indices) ?? refuse('computes with the number of rows') }];
  if (isRows(data) && !isFixed(indices)) refuse('takes from each row what other rows say');
  const axis = offBatch(step, 0, 'picks entries of');
  return [
    { dims: replaceAxis(dims, axis, ...step.dims(1)), elements: isFixed(indices) ? pick(data, indices) : undefined },
  ];
}

function pick({ dims, elements }: Value, indices: Value): readonly (Size | undefined)[] | undefined {
  if (!elements || dims?.length !== 1) return undefined;
  const places = indices.elements?.map(known);
  if (!places || places.some((place) => place === undefined)) return undefined;
  return (places as number[]).map((place) => elements[fromFront(place, elements.length)]);
}

/** Each row takes entries of its own, along an axis that is not the batch. */
function gatherElements(step: Step): Value[] {
  offBatch(step, 0, 'picks entries of');
  requireAligned([step.input(0), step.input(1)]);
  return [{ dims: step.dims(1) }];
}

/** Takes from a table that all rows share; the last axis of the indices says where. */
function gatherNd(step: Step): Value[] {
  const indices = step.dims(1);
  const depth = known(indices.at(-1)) ?? refuse('takes its shape from values that are not followed');
  if (isRows(step.input(0)) || step.int('batch_dims', 0) !== 0) refuse('takes from each row what other rows say');
  if (indices.at(-1)?.batch) refuse('takes places from several rows at once');
  return [{ dims: [...indices.slice(0, -1), ...step.dims(0).slice(depth)] }];
}

/** Each row changes entries of its own, along an axis that is not the batch. */
function scatterElements(step: Step): Value[] {
  offBatch(step, 0, 'writes to entries of');
  requireAligned([step.input(0), step.input(1), step.input(2)]);
  return [{ dims: step.dims(0) }];
}

/** Keeps a triangle of the last two axes. */
function triangle(step: Step): Value[] {
  step.fixed(1, 'its diagonal');
  const dims = step.dims(0);
  if (dims.slice(-2).some(({ batch }) => batch)) refuse('keeps values by where the row stands');
  return [{ dims }];
}

export const GATHERING: OperatorTable = {
  Gather: { rule: gather, counts: [0] },
  GatherElements: { rule: gatherElements },
  GatherND: { rule: gatherNd },
  ScatterElements: { rule: scatterElements },
  Trilu: { rule: triangle },
};
