import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type GraphSpec, onnxModel } from '../../../test/support/onnx.js';
import { OnnxSession } from '../onnx-session.js';
import { type Session } from '../session.js';
import { bestRun, timeRuns } from './speed.js';
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

  it('times runs of more and more rows, and stops where they take too long', async () => {
    const session = await open(APART['a linear model'] as GraphSpec);
    const rows = [zeroRow(session.graph)];
    const sizes = async (longestMs: number, mostRows: number) => {
      const timed = { time: async (...run: Parameters<Session['run']>) => (await session.run(...run)).runMs };
      const times = await timeRuns(timed, session.graph, rows, ['y'], { longestMs: () => longestMs, mostRows });
      return times.map((time) => time.rows);
    };
    expect(await sizes(1000, 64)).toEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(await sizes(1000, 100)).toEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(await sizes(0, 64)).toEqual([1]);
    await session.release();
  });

  it.each<[string, number[], number, number]>([
    ['the largest run that is short', [0.01, 0.011, 0.012, 0.02], 2, 8],
    ['a longer one where a row gets cheaper', [1, 1.2, 1.6, 2.4, 4, 7.7], 50, 16],
    ['… up to the longest', [1, 1.2, 1.6, 2.4, 4, 7.7], 2, 4],
    ['one row where larger runs gain nothing', [5, 10, 20, 40], 50, 1],
    ['the larger one though a time in between is wrong', [1, 1.2, 1.6, 9, 4, 6.4], 50, 32],
    ['one row where even that takes too long', [100, 110], 2, 1],
  ])('makes %s', (_, runs, longestMs, rows) => {
    const times = runs.map((runMs, index) => ({ rows: 2 ** index, runMs }));
    expect(bestRun(times, longestMs)).toEqual({ rowMs: runs[0], rows, runMs: runs[Math.log2(rows)] });
  });
});
