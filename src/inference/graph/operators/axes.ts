import { equal, known, literal, type Size } from '../size.js';
import { fromFront, type Step } from '../step.js';
import { batchAxis, batchSize, isRows, outerOf, refuse, type Value } from '../value.js';

/** The axis in that attribute, which must not be the batch: the operator mixes what lies along it. */
export function offBatch(step: Step, fallback: number, does: string): number {
  const axis = fromFront(step.int('axis', fallback), step.dims(0).length);
  return requireOff(step.input(0), axis, does);
}

export function requireOff(value: Value, axis: number, does: string): number {
  return axis === batchAxis(value) ? refuse(`${does} axis ${axis}, the batch`) : axis;
}

/** For operators that see axis 0 as the rows, and mix what lies along others. */
export function requireRowsFirst(value: Value, ranks: (rank: number) => boolean = () => true): readonly Size[] {
  const dims = value.dims ?? refuse('takes a value of an unknown number of dimensions');
  if (batchAxis(value) > 0) refuse(`mixes what lies along axis ${batchAxis(value)}, the batch`);
  return ranks(dims.length) ? dims : refuse(`takes a value of ${dims.length} dimensions`);
}

/** That all these values have the rows along the same axis, with as many entries for each. */
export function requireAligned(values: readonly Value[]): void {
  const [first] = values;
  const size = first && batchSize(first);
  const aligned = values.every((value) => {
    const own = batchSize(value);
    const alike = own && size && equal(own, size) && equal(outerOf(value), outerOf(first));
    return alike && batchAxis(value) === batchAxis(first);
  });
  if (values.some(isRows) && !aligned) refuse('takes values whose rows do not line up');
}

export function replaceAxis(dims: readonly Size[], axis: number, ...sizes: readonly Size[]): Size[] {
  return [...dims.slice(0, axis), ...sizes, ...dims.slice(axis + 1)];
}

/** The sum where all sizes are known, else a size that nobody knows. */
export function sum(sizes: readonly Size[], step: Step): Size {
  const numbers = sizes.map(known);
  if (numbers.some((number) => number === undefined)) return step.fresh();
  return literal((numbers as number[]).reduce((total, number) => total + number, 0));
}
