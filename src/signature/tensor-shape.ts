/** Length of one tensor dimension after the batch axis: fixed, or that of the feature's nth dimension in each row. */
export type RowDimension = number | { ofFeature: number };

export interface ShapeMatch {
  /** The tensor's dimensions after the batch axis. */
  dims: RowDimension[];
  /** The feature's lengths, from the outside in, as the tensor settles them; undefined where any length will do. */
  lengths: (number | undefined)[];
}

/**
 * Fits a feature's shape into a tensor's (both without the batch axis), leaving dimensions of one aside on either
 * side: an 8×8 image fits `[1,8,8]`. Symbolic tensor dimensions take what the feature has, or 1 when it has no more.
 * Compared from the right, as leading dimensions are the ones that exporters add.
 *
 * @returns undefined where the two cannot be brought together
 */
export function fitShape(
  feature: readonly (number | undefined)[],
  tensor: readonly (number | string)[],
): ShapeMatch | undefined {
  const lengths = [...feature];
  const open = lengths.flatMap((length, index) => (length === 1 ? [] : [index]));
  const dims: RowDimension[] = [];
  for (const dim of tensor.toReversed()) {
    if (dim === 1) {
      dims.unshift(1);
      continue;
    }
    const index = open.pop();
    const length = index === undefined ? 1 : lengths[index];
    if (typeof dim === 'number') {
      if (index === undefined || (length ?? dim) !== dim) return undefined;
      lengths[index] = dim;
      dims.unshift(dim);
    } else {
      dims.unshift(length ?? { ofFeature: index as number });
    }
  }
  return open.length === 0 ? { dims, lengths } : undefined;
}
