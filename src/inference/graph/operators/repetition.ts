import { equal, type Size } from '../size.js';
import { type Step } from '../step.js';
import { batchAxis, isMixed, isPlain, isRows, refuse, type Tracked, type Value } from '../value.js';

/** Rounds after which a carried value must have stopped to become less known. */
const MAX_ROUNDS = 6;

/**
 * Follows a body that is run again and again, until what it carries from one round to the next is known to look
 * the same before and after. `body` gives the carried values, then what each round adds to the results.
 */
export function repeat(
  initial: readonly Value[],
  body: (carried: readonly Value[]) => Tracked[],
  step: Step,
): Tracked[] {
  // Sizes that may differ from round to round: the body is followed with a symbol of its own for each.
  const changing = new Set<string>();
  let carried = initial.map(({ dims }): Value => ({ dims }));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const outputs = body(carried);
    const mixed = outputs.slice(0, carried.length).find(isMixed);
    if (mixed) return outputs.map(() => mixed);
    const known = changing.size;
    const next = carried.map((value, index) => widen(value, outputs[index] as Value | undefined, changing, step));
    const settled = changing.size === known && next.every(({ dims }, index) => !dims === !carried[index]?.dims);
    if (settled) return outputs.map((value, index) => afterwards(next[index] ?? value, changing, step));
    carried = next;
  }
  return refuse('carries a value that changes from round to round');
}

/** What is known of a carried value before a round, given what it is after one. */
function widen(before: Value, after: Value | undefined, changing: Set<string>, step: Step): Value {
  if (!after || batchAxis(before) !== batchAxis(after) || !isPlain(after))
    return refuse('carries rows in one round and something else in another');
  if (before.dims?.length !== after.dims?.length || !before.dims || !after.dims) {
    return isRows(before) ? refuse('carries a value whose number of dimensions changes') : { dims: undefined };
  }
  const dims = before.dims.map((size, axis) => {
    const other = after.dims?.[axis] as Size;
    if (equal(size, other) || (isChanging(size, changing) && !other.batch)) return size;
    if (size.batch || other.batch) return refuse('carries rows of a size that changes');
    const fresh = step.fresh();
    fresh.symbols.forEach((name) => changing.add(name));
    return fresh;
  });
  return { dims };
}

function isChanging({ symbols }: Size, changing: ReadonlySet<string>): boolean {
  return symbols.some((name) => changing.has(name));
}

/** After the last round, sizes that change are those of that round: no longer what they were during it. */
function afterwards(value: Tracked, changing: ReadonlySet<string>, step: Step): Tracked {
  if (isMixed(value)) return value;
  const dims = value.dims?.map((size) => {
    if (!isChanging(size, changing)) return size;
    return size.batch ? refuse('carries rows of a size that changes') : step.fresh();
  });
  return { ...value, dims };
}
