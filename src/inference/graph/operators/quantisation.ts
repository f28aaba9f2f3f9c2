import { known } from '../size.js';
import { fromFront, type OperatorTable, type Step } from '../step.js';
import { batchAxis, isRows, refuse, type Value } from '../value.js';
import { combine } from './elementwise.js';
import { requireOne } from './products.js';

/** By a scale that is fixed: one number, or one for each entry of an axis that is not the batch. */
function byScale(step: Step): Value[] {
  const scale = step.fixed(1, 'its scale');
  step.fixed(2, 'its zero point');
  const dims = step.dims(0);
  if (step.int('block_size', 0) !== 0) refuse('has a scale for each block');
  if (!isRows(step.input(0)) || scale?.dims?.every((size) => known(size) === 1)) return [{ dims }];
  const axis = fromFront(step.int('axis', 1), dims.length);
  if (scale?.dims?.length !== 1 || axis === batchAxis(step.input(0))) refuse('has a scale for each row');
  return [{ dims }];
}

/** Element by element, with the scales in between: `A, scale, zero, B, scale, zero, scale, zero`. */
function combined(step: Step): Value[] {
  requireOne(step, [1, 2, 4, 5, 6, 7]);
  return [combine([step.input(0), step.input(3)], step)];
}

/** One scale for all. */
function plain(step: Step): Value[] {
  requireOne(step, [1, 2]);
  return [{ dims: step.dims(0) }];
}

function single(step: Step): Value[] {
  requireOne(step, [1, 2, 3, 4]);
  return [{ dims: step.dims(0) }];
}

/** The scale is that of the largest value of all rows. */
function dynamic(step: Step): Value[] {
  if (isRows(step.input(0))) refuse('takes its scale from all rows together');
  return [{ dims: step.input(0).dims }, { dims: [] }, { dims: [] }];
}

/** The same, and a product with it. */
function dynamicProduct(): never {
  return refuse('takes its scale from all rows together');
}

export const QUANTISATION: OperatorTable = {
  DequantizeLinear: { rule: byScale },
  DynamicQuantizeLinear: { rule: dynamic },
  QuantizeLinear: { rule: byScale },
};

/** As ONNX Runtime's optimiser writes them (`com.microsoft`). */
export const FUSED_QUANTISATION: OperatorTable = {
  DequantizeLinear: { rule: plain },
  DynamicQuantizeMatMul: { rule: dynamicProduct },
  QLinearAdd: { rule: combined },
  QLinearLeakyRelu: { rule: single },
  QLinearMul: { rule: combined },
  QLinearSigmoid: { rule: single },
  QuantizeLinear: { rule: plain },
};
