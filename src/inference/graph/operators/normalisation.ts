import { known, ONE, type Size } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { batchAxis, isRows, refuse, type Value } from '../value.js';
import { offBatch, requireOff, requireRowsFirst } from './axes.js';

function requireFixed(step: Step, from: number): void {
  for (let index = from; index < step.inputs.length; index++) step.fixed(index, 'its parameters');
}

/** With the mean and variance that training left; in training mode they are those of the batch. */
function batchNormalization(step: Step): Value[] {
  const trains = step.version < 14 ? step.outputCount > 1 : step.int('training_mode', 0) !== 0;
  if (trains) refuse('normalises by the mean of the batch (training mode)');
  requireFixed(step, 1);
  requireOff(step.input(0), 1, 'has parameters for');
  return [{ dims: step.dims(0) }];
}

/** Each row by its own mean: channel by channel, or in groups of them. */
function withinRow(step: Step): Value[] {
  requireFixed(step, 1);
  return [{ dims: requireRowsFirst(step.input(0), (rank) => rank >= 3) }];
}

/** Over the axes from the given one on. */
function layerNormalization(step: Step): Value[] {
  requireFixed(step, 1);
  const dims = step.dims(0);
  const axis = fromFront(step.int('axis', -1), dims.length);
  if (isRows(step.input(0)) && batchAxis(step.input(0)) >= axis)
    refuse(`normalises over axis ${batchAxis(step.input(0))}, the batch`);
  for (let index = 1; index < step.inputs.length; index++) requireWithin(step.inputs[index]?.dims, dims.length - axis);
  const reduced = dims.map((size, own) => (own < axis ? size : ONE));
  return [{ dims }, { dims: reduced }, { dims: reduced }];
}

/** Parameters broadcast over the axes that are normalised, and over no others. */
function requireWithin(dims: readonly Size[] | undefined, rank: number): void {
  if (!dims) refuse('has parameters of an unknown number of dimensions');
  if (dims.slice(0, Math.max(0, dims.length - rank)).some((size) => known(size) !== 1))
    refuse('has parameters for the batch');
}

function lpNormalization(step: Step): Value[] {
  offBatch(step, -1, 'normalises over');
  return [{ dims: step.dims(0) }];
}

/** Over neighbouring channels, which lie along axis 1. */
function localResponse(step: Step): Value[] {
  return [{ dims: requireRowsFirst(step.input(0), (rank) => rank >= 3) }];
}

export const NORMALISATION: OperatorTable = {
  BatchNormalization: { rule: batchNormalization },
  GroupNormalization: { rule: withinRow },
  InstanceNormalization: { rule: withinRow },
  LRN: { rule: localResponse },
  LayerNormalization: { rule: layerNormalization },
  LpNormalization: { rule: lpNormalization },
  RMSNormalization: { rule: layerNormalization },
  SimplifiedLayerNormalization: { rule: layerNormalization },
};
