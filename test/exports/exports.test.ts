import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { proveRowsIndependent } from '../../src/inference/graph/batch-proof.js';
import { readOnnx } from '../../src/inference/graph/onnx-file.js';
import { type Batch, Trial } from './runs.js';

interface Export {
  name: string;
  rows: Record<string, unknown[]>;
}

const EXPORTS = JSON.parse(read('exports.json').toString()) as readonly Export[];

/** Those that are not proven, and why. */
const NOT_PROVEN: Readonly<Record<string, string>> = {
  // Solves one system of equations for all rows; it could be followed, if anyone needs it.
  'gaussian-process-classifier': 'node "solve_Solve", operator Solve: is not known to keep rows apart (com.microsoft)',
  // Mixes rows indeed.
  'network-quantized-dynamically':
    'node "/dynamicquantizelinear_0", operator DynamicQuantizeLinear: takes its scale from all rows together',
  // Works on the rows with gaps apart from the others.
  'pipeline-knn-imputer': 'node "Opset-N1", operator Compress: keeps some entries and drops others, all rows together',
  // The converter gives one row of labels, instead of a label for each row.
  'quadratic-discriminant-analysis':
    'node "N35", operator ArrayFeatureExtractor: leaves the rows along axis 1 of "label", [1, N]',
};

/** One of its rows has no neighbour, and ONNX Runtime refuses it: alone, and with whatever shares its run. */
const POISONED = ['radius-neighbors-classifier'];

describe('models as their converters write them', () => {
  const proven = EXPORTS.filter(({ name }) => !(name in NOT_PROVEN));

  it('are proven for the most part', () => {
    expect(proven.length).toBeGreaterThan(90);
    expect(Object.keys(NOT_PROVEN).every((name) => EXPORTS.some((one) => one.name === name))).toBe(true);
  });

  it.each(proven)('$name is proven, and says the same of rows alone and together', async ({ name, rows }) => {
    const bytes = read(`models/${name}.onnx`);
    const model = readOnnx(bytes);
    expect(proveRowsIndependent(model)).toEqual({ independent: true });
    const batch = toBatch(rows, new Map(model.graph.inputs.map((input) => [input.name, input.type ?? ''])));
    const trial = await Trial.of(bytes);
    try {
      expect(await trial.runs(batch)).toBe(!POISONED.includes(name));
      expect(await trial.difference(batch)).toBeUndefined();
    } finally {
      await trial.release();
    }
  });

  it.each(Object.entries(NOT_PROVEN))('%s is not proven', (name, reason) => {
    expect(proveRowsIndependent(readOnnx(read(`models/${name}.onnx`)))).toMatchObject({ independent: false, reason });
  });
});

function read(file: string): Buffer {
  return readFileSync(new URL(file, import.meta.url));
}

/** Nested rows become flat ones; a gap, which JSON has as null, becomes NaN. */
function toBatch(rows: Export['rows'], types: ReadonlyMap<string, string>): Batch {
  return Object.fromEntries(
    Object.entries(rows).map(([name, list]) => {
      const flat = list.map((row) => [row].flat(9).map((value) => (value === null ? NaN : (value as number | string))));
      return [name, { type: types.get(name) ?? '', shape: shapeOf(list[0]), rows: flat }];
    }),
  );
}

function shapeOf(row: unknown): number[] {
  return Array.isArray(row) ? [row.length, ...shapeOf(row[0])] : [];
}
