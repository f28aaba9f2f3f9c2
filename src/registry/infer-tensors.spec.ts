import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { node, writeModel } from '../../test/support/onnx-writer.js';
import { type Caller, patientCaller } from '../common/caller.js';
import { Batcher } from '../inference/batcher.js';
import { batchKey, type RowRequest } from '../inference/run-request.js';
import { InlineLane, Turns } from '../inference/inline-lane.js';
import { OnnxSession } from '../inference/onnx-session.js';
import { type Tensor } from '../inference/tensor.js';
import { inferTensors } from './infer-tensors.js';

/** sum = a + b, upper = -a, and all rows of a beside each other. */
const MODEL = writeModel({
  inputs: { a: { shape: ['N', 'W'] }, b: { shape: ['N', 'W'] } },
  outputs: { sum: { shape: ['N', 'W'] }, minus: { shape: ['N', 'W'] }, across: { shape: ['W', 'N'] } },
  nodes: [node('Add', ['a', 'b'], 'sum'), node('Neg', ['a'], 'minus'), node('Transpose', ['a'], 'across')],
});
const PER_ROW = new Set(['sum', 'minus']);

describe('inferTensors', () => {
  let folder: string;
  let session: OnnxSession;
  let batcher: Batcher;
  let runs: { requests: number; rows: number }[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-tensors-'));
    await writeFile(join(folder, 'model.onnx'), MODEL);
    session = await OnnxSession.open(join(folder, 'model.onnx'), 1);
  });
  afterAll(async () => {
    await session.release();
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    runs = [];
    batcher = new Batcher(session.graph, new InlineLane(session, new Turns()), {
      shareable: PER_ROW,
      maxRows: 8,
      wholeRows: 20,
      queueLimit: 1000,
      onRun: ({ requests, rows }) => runs.push({ requests, rows }),
    });
  });

  const tensor = (dims: number[], data: number[]): Tensor => ({ type: 'float32', dims, data: Float32Array.from(data) });
  async function infer(inputs: Tensor[], fetches: string[], caller: Caller = patientCaller()) {
    const outputs = await inferTensors(session.graph, batcher, inputs, fetches, caller);
    return outputs.map(({ dims, data }) => [dims, [...(data as Float32Array)]]);
  }
  const rows = (count: number, width: number, start: number) =>
    tensor(
      [count, width],
      Array.from({ length: count * width }, (_, i) => start + i),
    );

  it('shares a run with rows that ask for the same', async () => {
    const rowDims = [[2], [2]];
    const request: RowRequest = {
      rows: 1,
      rowDims,
      fetches: ['sum'],
      key: batchKey(rowDims, ['sum']),
      write: (tensors, offset) => {
        for (const { data } of tensors) (data as Float32Array).set([100, 200], 2 * offset);
      },
    };
    const [first, row, second] = await Promise.all([
      infer([rows(2, 2, 1), rows(2, 2, 1)], ['sum']),
      batcher.submit(request, patientCaller()),
      infer([rows(1, 2, 10), rows(1, 2, 20)], ['sum']),
    ]);
    expect(runs).toEqual([{ requests: 3, rows: 4 }]);
    expect(first).toEqual([[[2, 2], [2, 4, 6, 8]]]); // prettier-ignore
    expect([...((row.outputs.get('sum') as Tensor).data as Float32Array)].slice(2 * row.offset, 2 * row.offset + 2)).toEqual([200, 400]); // prettier-ignore
    expect(second).toEqual([[[1, 2], [30, 32]]]); // prettier-ignore
  });

  it('never shares one for outputs that are not told row by row, for other shapes, or for none', async () => {
    const a = rows(1, 2, 1);
    const answers = await Promise.all([
      infer([a, a], ['sum']),
      infer([a, a], ['sum', 'across']),
      infer([a, a], ['sum', 'minus']),
      infer([rows(1, 1, 7), rows(1, 1, 7)], ['sum']),
      infer([rows(0, 2, 0), rows(0, 2, 0)], ['sum']),
      infer([rows(1, 0, 0), rows(1, 0, 0)], ['sum']),
      infer([a, rows(3, 2, 0)], ['sum']),
    ]);
    expect(runs).toHaveLength(7);
    expect(runs.map(({ requests }) => requests)).toEqual(Array(7).fill(1));
    expect(answers[1]).toEqual([[[1, 2], [2, 4]], [[2, 1], [1, 2]]]); // prettier-ignore
    expect(answers.slice(4, 6)).toEqual([[[[0, 2], []]], [[[1, 0], []]]]);
    expect(answers[6]).toEqual([[[3, 2], [1, 3, 3, 5, 5, 7]]]); // prettier-ignore
  });

  it('parts what is more than eight runs hold, and puts the answers together', async () => {
    const [a, b] = [rows(150, 3, 0), rows(150, 3, 1000)];
    const [sum, minus] = await infer([a, b], ['sum', 'minus']);
    expect(runs.map(({ rows: count }) => count).toSorted()).toEqual([22, 64, 64]);
    expect(sum).toEqual([[150, 3], Array.from({ length: 450 }, (_, i) => 1000 + 2 * i)]);
    expect(minus?.[1]).toEqual([...(a.data as Float32Array)].map((value) => -value));
  });

  it('takes no more rows than one run may hold where they must not be parted', async () => {
    const few = await infer([rows(20, 1, 0), rows(20, 1, 0)], ['across']);
    expect(few[0]?.[0]).toEqual([1, 20]);
    await expect(infer([rows(21, 1, 0), rows(21, 1, 0)], ['across'])).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });

  it('leaves what it is given as it was', async () => {
    const [a, b] = [rows(3, 2, 1), rows(3, 2, 5)];
    const before = [[...(a.data as Float32Array)], [...(b.data as Float32Array)]];
    await Promise.all([infer([a, b], ['sum']), infer([a, b], ['across']), infer([b, a], ['minus'])]);
    expect([[...(a.data as Float32Array)], [...(b.data as Float32Array)]]).toEqual(before);
  });
});
