import { type RowRequest } from '../run-request.js';
import { type Graph } from '../session.js';
import { emptyTensor, type Tensor, type Tensors } from '../tensor.js';

/** One row: a tensor of a single row for each input of the graph, in its order. */
export type SampleRow = readonly Tensor[];

/** Numbers between 0 and 1, the same ones at each start: a model must not load today and fail tomorrow. */
export type Random = () => number;

/** Rows as they are sent, of one shape: those that differ from the first in shape are left out. */
export function toSamples(graph: Graph, requests: readonly RowRequest[]): SampleRow[] {
  const alike = requests.filter(({ key }) => key === requests[0]?.key);
  return alike.map(({ rowDims, write }) => {
    const tensors = graph.inputs.map(({ type }, index) => emptyTensor(type, [1, ...(rowDims[index] as number[])]));
    write(tensors, 0);
    return tensors;
  });
}

/** A row of zeros, for a graph that takes no JSON rows. A dimension of any size is 1. */
export function zeroRow({ inputs }: Graph): SampleRow {
  return inputs.map(({ type, shape }) =>
    emptyTensor(type, [1, ...shape.slice(1).map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1))]),
  );
}

/**
 * Whether a row of zeros is as large as what clients send: no size is left open but that of the batch.
 *
 * @param hasBatch whether the first axis is known to be one
 */
export function isZeroRowTypical({ inputs }: Graph, hasBatch: boolean): boolean {
  return inputs.every(({ shape: [first, ...rest] }) => {
    const isFirstKnown = typeof first === 'number' || (first !== undefined && hasBatch);
    return isFirstKnown && rest.every((dim) => typeof dim === 'number');
  });
}

/** More rows, made from some: each value is taken from one of them, and floats are bent. */
export function vary(rows: readonly SampleRow[], count: number, random: Random): SampleRow[] {
  return Array.from({ length: count }, () => {
    const [first = []] = rows;
    return first.map(({ type, dims, data }, input) => {
      const tensor = emptyTensor(type, dims);
      const isFloat = type === 'float32' || type === 'float64';
      for (let index = 0; index < data.length; index++) {
        const row = rows[Math.floor(random() * rows.length)] as SampleRow;
        const value = valuesOf(row[input] as Tensor)[index];
        valuesOf(tensor)[index] = isFloat ? bend(value as number, random) : value;
      }
      return tensor;
    });
  });
}

/** A number near another one, or far from it, or of the other sign: branches in a model hide behind such values. */
function bend(value: number, random: Random): number {
  const near = value + (random() - 0.5) * (Math.abs(value) || 1);
  const choice = random();
  if (choice < 0.6) return near;
  return choice < 0.8 ? 10 * near : -near;
}

/** Rows of one shape as the inputs of one run. */
export function stack({ inputs }: Graph, rows: readonly SampleRow[]): Tensors {
  return new Map(
    inputs.map(({ name, type }, input) => {
      const [first] = rows as [SampleRow];
      const { dims, data } = first[input] as Tensor;
      const tensor = emptyTensor(type, [rows.length, ...dims.slice(1)]);
      for (const [index, row] of rows.entries()) {
        const values = valuesOf(row[input] as Tensor);
        for (let at = 0; at < values.length; at++) valuesOf(tensor)[index * data.length + at] = values[at];
      }
      return [name, tensor];
    }),
  );
}

/** The elements, whatever their type: they are only moved. */
function valuesOf({ data }: Tensor): unknown[] {
  return data as unknown as unknown[];
}

/** Mulberry32: a small generator whose numbers are good enough to mix rows with. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
