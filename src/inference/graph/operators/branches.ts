import { equal, known, type Size } from '../size.js';
import { type OperatorTable, type Step } from '../step.js';
import { batchAxis, batchSize, isFixed, isMixed, isPlain, refuse, type Tracked, type Value } from '../value.js';

/** Both branches count, unless it is known which one is taken. */
function branch(step: Step): Tracked[] {
  const condition = step.fixed(0, 'its condition') ?? refuse('lacks its condition');
  const taken = condition.elements?.length === 1 ? known(condition.elements[0]) : undefined;
  if (taken !== undefined) return step.follow(taken ? 'then_branch' : 'else_branch', []);
  const otherwise = step.follow('else_branch', []);
  return step.follow('then_branch', []).map((value, index) => join(value, otherwise[index], step));
}

/** What is known of a value that is one of two: what both have in common. */
function join(a: Tracked, b: Tracked | undefined, step: Step): Tracked {
  if (!b) return refuse('has branches with different outputs');
  if (isMixed(a) || isMixed(b)) return isMixed(a) ? a : b;
  if (!isFixed(a) || !isFixed(b))
    return joinRows(a, b, step) ?? refuse('gives rows in one case and something else in another');
  const elements = a.elements && b.elements && sameSizes(a.elements, b.elements) ? a.elements : undefined;
  return { dims: joinDims(a, b, step), elements };
}

function joinRows(a: Value, b: Value, step: Step): Value | undefined {
  const [size, other] = [batchSize(a), batchSize(b)];
  const aligned = size && other && equal(size, other) && batchAxis(a) === batchAxis(b);
  const dims = joinDims(a, b, step);
  return aligned && dims && isPlain(a) && isPlain(b) ? { dims } : undefined;
}

function joinDims(a: Value, b: Value, step: Step): Size[] | undefined {
  if (!a.dims || a.dims.length !== b.dims?.length) return undefined;
  return a.dims.map((size, axis) => (equal(size, b.dims?.[axis] as Size) ? size : step.fresh()));
}

function sameSizes(a: readonly (Size | undefined)[], b: readonly (Size | undefined)[]): boolean {
  return a.length === b.length && a.every((size, index) => size && b[index] && equal(size, b[index]));
}

export const BRANCHES: OperatorTable = {
  If: { rule: branch, forgets: true, unfixed: true },
};
