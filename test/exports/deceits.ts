import { expect, it } from '@jest/globals';
import { proveRowsIndependent } from '../../src/inference/graph/batch-proof.js';
import { readOnnx } from '../../src/inference/graph/onnx-file.js';
import {
  type Graph,
  type ModelOptions,
  type Node,
  type Port,
  type Tensor,
  writeModel,
} from '../support/onnx-writer.js';
import { type Batch, Trial } from './runs.js';

/** A model that looks as if it treated its rows apart, and does not. */
export interface Deceit extends ModelOptions {
  /** The node that the proof must name. */
  node: string;
  /** Part of the reason that it must give. */
  because?: string;
  nodes: readonly Node[];
  constants?: Readonly<Record<string, Tensor>>;
  /** By default `x`, of floats [N, 3]. */
  inputs?: Readonly<Record<string, Port>>;
  /** By default `y`, of floats. */
  outputs?: Readonly<Record<string, Port>>;
  /** By default some rows of three floats. Null: no run can show it, as the result is random or not defined. */
  rows?: Batch | null;
  /** Rows that agree, though the model mixes rows: it does so for some values only. */
  agreeing?: Batch;
}

export function floatRows(...rows: number[][]): Batch {
  return { x: { type: 'float32', shape: [rows[0]?.length ?? 0], rows } };
}

export const THREE_FLOATS = floatRows([1, 2, 4], [0.5, -3, 2], [7, 1, -1], [0, 0, 9]);

/** Asserts, for each, that it is not proven and why; and that a real run gives a row another answer in company. */
export function expectDeceits(deceits: Readonly<Record<string, Deceit>>): void {
  it.each(Object.entries(deceits))('%s', async (_, deceit) => {
    const bytes = writeDeceit(deceit);
    const proof = proveRowsIndependent(readOnnx(bytes));
    expect(proof).toMatchObject({ independent: false, node: deceit.node });
    expect(proof).toHaveProperty('reason', expect.stringContaining(deceit.because ?? `node "${deceit.node}"`));
    if (deceit.rows !== null) await expectDifference(bytes, deceit);
  });
}

function writeDeceit({ nodes, constants = {}, inputs, outputs, ...options }: Deceit): Uint8Array {
  const graph: Graph = {
    nodes,
    constants,
    inputs: inputs ?? { x: { shape: ['N', 3] } },
    outputs: outputs ?? { y: {} },
  };
  return writeModel(graph, options);
}

async function expectDifference(bytes: Uint8Array, { rows, agreeing }: Deceit): Promise<void> {
  const trial = await Trial.of(bytes);
  try {
    expect(await trial.runs(rows ?? THREE_FLOATS)).toBe(true);
    expect(await trial.difference(rows ?? THREE_FLOATS)).toBeDefined();
    if (agreeing) expect(await trial.difference(agreeing)).toBeUndefined();
  } finally {
    await trial.release();
  }
}
