import { equal, known, type Size } from './size.js';
import { describeDims, refuse } from './value.js';

/**
 * The shape that numpy's broadcasting gives these shapes. Where one has the batch, the others must have the
 * same, or a 1, or nothing: any other size would meet other rows, or fit one number of rows only.
 *
 * @throws Refusal
 */
export function broadcast(shapes: readonly (readonly Size[])[], fresh: () => Size): Size[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length]).filter((size) => size !== undefined);
    return meet(sizes, fresh) ?? refuse(`meets the batch with another axis: ${shapes.map(describeDims).join(' and ')}`);
  });
  if (result.filter(({ batch }) => batch).length > 1) {
    refuse(`meets each row with every other: ${shapes.map(describeDims).join(' and ')}`);
  }
  return result;
}

function meet(sizes: readonly Size[], fresh: () => Size): Size | undefined {
  const wide = sizes.filter((size) => known(size) !== 1);
  const [first] = wide;
  if (!first) return sizes[0];
  if (wide.every((size) => equal(size, first))) return first;
  if (wide.some(({ batch }) => batch)) return undefined;
  // Sizes that differ on paper are equal in a run that succeeds, save where an unknown one is 1.
  return wide.find((size) => known(size) !== undefined) ?? fresh();
}
