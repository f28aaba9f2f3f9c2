/**
 * A dimension, or an integer computed from dimensions: `factor × symbols`, and `× N` where `batch` is set, N
 * being the number of rows. A symbol stands for a size that nobody knows but that all runs to be compared share,
 * such as the length of a sequence: rows of different shapes never share a run.
 */
export interface Size {
  factor: number;
  /** Sorted; each is the same size wherever it is named. */
  symbols: readonly string[];
  batch: boolean;
}

export const ONE: Size = literal(1);
/** The number of rows. */
export const N: Size = { factor: 1, symbols: [], batch: true };

/** Products of more symbols than this are given up, so that a graph cannot make them grow without end. */
const MAX_SYMBOLS = 16;

export function literal(factor: number): Size {
  return { factor, symbols: [], batch: false };
}

export function symbol(name: string): Size {
  return { factor: 1, symbols: [name], batch: false };
}

/** The number, if nothing about the size is unknown. */
export function known(size: Size | undefined): number | undefined {
  return size && !size.batch && size.symbols.length === 0 ? size.factor : undefined;
}

export function equal(a: Size, b: Size): boolean {
  return (
    a.factor === b.factor &&
    a.batch === b.batch &&
    a.symbols.length === b.symbols.length &&
    a.symbols.every((name, index) => name === b.symbols[index])
  );
}

/** Undefined where the product cannot be told: N × N, or a number too large. */
export function times(a: Size, b: Size): Size | undefined {
  const factor = a.factor * b.factor;
  if (!Number.isSafeInteger(factor)) return undefined;
  if (factor === 0) return literal(0);
  const symbols = [...a.symbols, ...b.symbols].sort();
  if ((a.batch && b.batch) || symbols.length > MAX_SYMBOLS) return undefined;
  return { factor, symbols, batch: a.batch || b.batch };
}

export function product(sizes: readonly Size[]): Size | undefined {
  return sizes.reduce<Size | undefined>((result, size) => result && times(result, size), ONE);
}

/** Undefined unless the division leaves no rest, whatever the symbols stand for. */
export function divide(a: Size, b: Size): Size | undefined {
  const factor = a.factor / b.factor;
  if (!Number.isSafeInteger(factor) || (b.batch && !a.batch)) return undefined;
  const symbols = [...a.symbols];
  for (const name of b.symbols) {
    const index = symbols.indexOf(name);
    if (index < 0) return undefined;
    symbols.splice(index, 1);
  }
  return { factor, symbols, batch: a.batch && !b.batch };
}

/** For messages: `2·N·length`. */
export function describe({ factor, symbols, batch }: Size): string {
  const parts = [...(batch ? ['N'] : []), ...symbols];
  return (factor === 1 && parts.length > 0 ? parts : [String(factor), ...parts]).join('·');
}
