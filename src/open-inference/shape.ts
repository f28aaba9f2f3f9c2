const MAX_DIMENSIONS = 64;
/** A tensor without elements costs its sender nothing, and what a model makes of its other dimensions may be large. */
const MAX_EMPTY = 2 ** 24;

/** Whether it is a list of sizes. */
export function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.length <= MAX_DIMENSIONS && shape.every(isSize);
}

function isSize(size: unknown): boolean {
  return Number.isSafeInteger(size) && (size as number) >= 0;
}

/** Elements of a tensor of that shape; undefined where no tensor can have so many. */
export function countElements(shape: readonly number[]): number | undefined {
  let count = 1;
  let nonEmpty = 1;
  for (const size of shape) {
    count *= size;
    nonEmpty *= Math.max(size, 1);
    if (nonEmpty > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return count === 0 && nonEmpty > MAX_EMPTY ? undefined : count;
}
