import { ONE } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { isRows, refuse, type Value } from '../value.js';
import { combine, elementwise } from './elementwise.js';
import { FUSED_PRODUCTS, matrixProduct } from './products.js';
import { FUSED_QUANTISATION } from './quantisation.js';
import { TOKENIZERS } from './text.js';
import { FUSED_WINDOWS } from './windows.js';

/** The sum of two values, then normalised over the last axis. The fourth output is the sum. */
function skipNormalization(step: Step): Value[] {
  step.inputs.forEach((_, index) => index > 1 && step.fixed(index, 'its parameters'));
  const sum = combine([step.input(0), step.input(1)], step);
  if (sum.dims?.at(-1)?.batch) refuse(`normalises over axis ${sum.dims.length - 1}, the batch`);
  const parameters = step.inputs.slice(2).every((value) => !value || value.dims?.length === 1);
  if (!parameters) refuse('has parameters of other dimensions');
  const statistics = { dims: sum.dims?.map((size, axis, { length }) => (axis === length - 1 ? ONE : size)) };
  return [sum, statistics, statistics, sum];
}

/** Distances from the rows of one table to those of another, which all share. */
function distances(step: Step): Value[] {
  const [from, to] = [step.dims(0), step.dims(1)];
  if (from.length !== 2 || to.length !== 2) refuse('takes what is not a table');
  if (isRows(step.input(0)) && isRows(step.input(1))) refuse('meets each row with every other');
  return [{ dims: matrixProduct(from, [...to].reverse(), () => step.fresh()) }];
}

/** What ONNX Runtime puts in place of several operators when it optimises a file, and a few of its own. */
export const FUSED: OperatorTable = {
  BiasGelu: { rule: elementwise },
  CDist: { rule: distances },
  FastGelu: { rule: elementwise },
  Gelu: { rule: elementwise },
  QuickGelu: { rule: elementwise },
  SkipLayerNormalization: { rule: skipNormalization },
  SkipSimplifiedLayerNormalization: { rule: skipNormalization },
  ...FUSED_PRODUCTS,
  ...FUSED_QUANTISATION,
  ...FUSED_WINDOWS,
  ...TOKENIZERS,
};
