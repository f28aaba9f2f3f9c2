import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GraphSpec, onnxModel } from '../../../test/support/onnx.js';
import { OnnxSession } from '../onnx-session.js';
import { measureSpeed } from './speed.js';
import { zeroRow } from './sample-rows.js';
import { tryTogether } from './trial.js';

const X = { inputs: [{ name: 'x', shape: ['N', 3] }], outputs: [{ name: 'y', shape: ['N', 'M'] }] };
const step = (op: string, inputs: string[], output: string, attributes = {}) => ({ op, inputs, outputs: [output], attributes }); // prettier-ignore

const APART: Record<string, GraphSpec> = {
  'a linear model': {
    ...X,
    nodes: [step('Gemm', ['x', 'w'], 'y')],
    constants: [{ name: 'w', shape: [3, 2], values: [0.1, -0.2, 0.3, 0.4, -0.5, 0.6] }],
  },
  'softmax over the columns': { ...X, nodes: [step('Softmax', ['x'], 'y', { axis: -1 })] },
};

const MIXING: Record<string, GraphSpec> = {
  'softmax over the rows': { ...X, nodes: [step('Softmax', ['x'], 'y', { axis: 0 })] },
  'a mean of the batch': {
    ...X,
    nodes: [step('ReduceMean', ['x'], 'm', { axes: [0] }), step('Sub', ['x', 'm'], 'y')],
  },
  'a running sum over the rows': {
    ...X,
    nodes: [step('CumSum', ['x', 'axis'], 'y')],
    constants: [{ name: 'axis', type: 'int64', shape: [], values: [0] }],
  },
  'the row count': {
    ...X,
    nodes: [step('Shape', ['x'], 's', { end: 1 }), step('Cast', ['s'], 'n', { to: 1 }), step('Mul', ['x', 'n'], 'y')],
  },
  'the rows in reverse': {
    ...X,
    nodes: [step('Slice', ['x', 'last', 'first', 'rows', 'back'], 'y')],
    constants: [
      { name: 'last', type: 'int64', shape: [1], values: [-1] },
      { name: 'first', type: 'int64', shape: [1], values: [-1_000_000] },
      { name: 'rows', type: 'int64', shape: [1], values: [0] },
      { name: 'back', type: 'int64', shape: [1], values: [-1] },
    ],
  },
};

describe('trial', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-trial-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function open(spec: GraphSpec): Promise<OnnxSession> {
    const path = join(folder, 'model.onnx');
    await writeFile(path, onnxModel(spec));
    return OnnxSession.open(path, 1);
  }

  async function verdict(spec: GraphSpec): Promise<string | undefined> {
    const session = await open(spec);
    try {
      return await tryTogether(session, session.graph, [zeroRow(session.graph)], ['y']);
    } finally {
      await session.release();
    }
  }

  it.each(Object.entries(APART))('finds nothing against %s', async (_, spec) => {
    expect(await verdict(spec)).toBeUndefined();
  });

  it.each(Object.entries(MIXING))('sees %s', async (_, spec) => {
    expect(await verdict(spec)).toMatch(/^"y" is another one alone|^a run of \d+ rows fails/);
  });

  it('measures how many rows a run should hold, and stops where it takes too long', async () => {
    const session = await open(APART['a linear model'] as GraphSpec);
    const rows = [zeroRow(session.graph)];
    const measure = (longestMs: number, mostRows: number) =>
      measureSpeed(session, session.graph, rows, ['y'], { longestMs: () => longestMs, mostRows });
    expect(await measure(1000, 64)).toMatchObject({ rows: 64 });
    expect(await measure(1000, 100)).toMatchObject({ rows: 64 });
    expect(await measure(0, 64)).toMatchObject({ rows: 1 });
    await session.release();
  });
});
