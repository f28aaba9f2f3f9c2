import { broadcast } from '../broadcast.js';
import { type Operator, type OperatorTable, type Step } from '../step.js';
import { isCounted, isRows, refuse, type Value } from '../value.js';
import { castElements, computeElements } from './arithmetic.js';

/** Each entry of the result depends on the entries at its own place, as numpy's broadcasting lines them up. */
export function elementwise(step: Step): Value[] {
  const operands = step.inputs.map((_, index) => step.input(index));
  const result = combine(operands, step);
  if (!isRows(result)) return [{ ...result, elements: computeElements(step.operator, operands) }];
  return operands.some(isCounted) ? refuse('computes with the number of rows') : [result];
}

/** The shape of an element-wise result. One whose operands have an unknown number of dimensions has so too. */
export function combine(operands: readonly Value[], step: Step): Value {
  const shapes = operands.map(({ dims }) => dims).filter((dims) => dims !== undefined);
  if (shapes.length === operands.length) return { dims: broadcast(shapes, () => step.fresh()) };
  if (!operands.some(isRows)) return { dims: undefined };
  return refuse('meets the batch with a value of an unknown number of dimensions');
}

/** Each entry depends on its own place in the first input; the other inputs are settings, the same for all rows. */
export function withSettings(step: Step): Value[] {
  step.inputs.forEach((_, index) => index > 0 && step.fixed(index, 'a setting'));
  return [{ dims: step.input(0).dims }];
}

function cast(step: Step): Value[] {
  const { dims, elements } = step.input(0);
  return [{ dims, elements: elements && castElements(elements, step.int('to', 0)) }];
}

/** The second input gives its type alone. */
function castLike(step: Step): Value[] {
  return [{ dims: step.input(0).dims }];
}

/** Nothing is dropped outside of training; the second output says so for every entry. */
function dropout(step: Step): Value[] {
  const { dims } = step.input(0);
  const training = step.inputs[2];
  if (training && !training.elements?.every((element) => element?.factor === 0)) refuse('draws random numbers');
  return [{ dims }, { dims }];
}

const PLAIN = `
  Abs Acos Acosh And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Ceil
  Celu Cos Cosh Elu Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish IsInf IsNaN
  LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Neg Not Or Pow PRelu Reciprocal RegexFullMatch
  Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt StringConcat Sum Swish Tan Tanh
  ThresholdedRelu Xor
`;

/** Those that exporters compute shapes with, too. */
const COUNTING = `
  Add Div Equal Mul Sub Where
`;

export const ELEMENTWISE: OperatorTable = {
  ...tableOf(PLAIN, { rule: elementwise }),
  ...tableOf(COUNTING, { rule: elementwise, counts: 'any' }),
  Cast: { rule: cast, counts: 'any' },
  CastLike: { rule: castLike, forgets: true },
  Clip: { rule: withSettings },
  Dropout: { rule: dropout },
};

function tableOf(names: string, operator: Operator): OperatorTable {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, operator]),
  );
}
