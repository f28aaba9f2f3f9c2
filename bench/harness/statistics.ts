/** The value below which a share `q` of the values lies, interpolated. What is no number at all (0/0) is left out. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  // Between two infinite ones there is nothing to interpolate.
  return below === above ? below : below + (above - below) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How much y grows with x: that of the line with the least squares of errors. */
export function slope(xs: readonly number[], ys: readonly number[]): number {
  const [meanX, meanY] = [sum(xs) / xs.length, sum(ys) / ys.length];
  const together = xs.map((x, index) => (x - meanX) * ((ys[index] as number) - meanY));
  return sum(together) / sum(xs.map((x) => (x - meanX) ** 2));
}

/** Value by value: a machine's pace drifts from minute to minute, for all that was measured in one round alike. */
export function ratios(values: readonly number[], rulers: readonly number[]): number[] {
  return values.map((value, index) => value / (rulers[index] as number));
}

/** The same values in another order (Fisher and Yates). */
export function shuffled<T>(values: readonly T[]): T[] {
  const left = [...values];
  return values.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0] as T);
}
