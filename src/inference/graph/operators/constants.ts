import { literal } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { type Value } from '../value.js';
import { elementsOf } from './arithmetic.js';

/** A constant takes one of several attributes; those not named here are of no use for a shape. */
function constant(step: Step): Value[] {
  if (step.has('value')) {
    const tensor = step.tensor('value');
    return [{ dims: tensor?.dims.map(literal), elements: tensor && elementsOf(tensor) }];
  }
  if (step.has('value_int')) return [{ dims: [], elements: [literal(step.int('value_int', 0))] }];
  const list = step.ints('value_ints');
  if (list) return [{ dims: [literal(list.length)], elements: list.map(literal) }];
  if (step.has('value_floats')) return [{ dims: [literal(step.count('value_floats', 'floats'))] }];
  return [{ dims: step.has('value_float') || step.has('value_string') ? [] : undefined }];
}

export const CONSTANTS: OperatorTable = { Constant: { rule: constant } };
