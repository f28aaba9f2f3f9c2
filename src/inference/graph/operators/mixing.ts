import { type Operator, type OperatorTable } from '../step.js';
import { refuse } from '../value.js';

/** Refused whatever it is fed with rows; of fixed values it gives a fixed one. */
function never(reason: string): Operator {
  return { rule: () => refuse(reason) };
}

const RANDOM: Operator = { rule: () => refuse('draws random numbers'), unfixed: true };

/** Operators that mix rows, or tell how many there are. The table has them for the sake of their reasons. */
export const MIXING: OperatorTable = {
  Bernoulli: RANDOM,
  Compress: never('keeps some entries and drops others, all rows together'),
  EyeLike: never('gives each row a number by where it stands'),
  Multinomial: RANDOM,
  NonMaxSuppression: never('compares boxes, and gives as many results as remain'),
  NonZero: never('gives as many results as there are in all rows together'),
  RandomNormal: RANDOM,
  RandomNormalLike: RANDOM,
  RandomUniform: RANDOM,
  RandomUniformLike: RANDOM,
  Scatter: never('writes to places in the whole batch'),
  ScatterND: never('writes to places in the whole batch'),
  StringSplit: never('fills texts up to the longest of the batch'),
  Unique: never('compares all rows with each other'),
};
