import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { onnxModel } from '../../test/support/onnx.js';
import { readSettings } from '../config/read-settings.js';
import { Batcher, batchKey, type BatcherOptions, type RowRequest } from './batcher.js';
import { type Session } from './engine.js';
import { OnnxEngine } from './onnx-engine.js';
import { type Tensor } from './tensor.js';

/** y = table[i] for each element: rows of any width, and an index beyond the table makes the whole run fail. */
const LOOKUP = onnxModel({
  inputs: [{ name: 'i', type: 'int64', shape: ['N', 'W'] }],
  outputs: [{ name: 'y', shape: ['N', 'W'] }],
  nodes: [{ op: 'Gather', inputs: ['table', 'i'], outputs: ['y'] }],
  constants: [{ name: 'table', shape: [100], values: Array.from({ length: 100 }, (_, i) => i * 10) }],
});
const POISON = 100;

describe('Batcher', () => {
  let folder: string;
  let session: Session;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-batcher-'));
    await writeFile(join(folder, 'model.onnx'), LOOKUP);
    session = await new OnnxEngine(readSettings({})).load(join(folder, 'model.onnx'));
  });
  afterAll(async () => {
    await session.release();
    await rm(folder, { recursive: true });
  });

  function batcher(options: Partial<BatcherOptions> = {}) {
    const runs: number[] = [];
    const onRun = ({ rows }: { rows: number }) => runs.push(rows);
    return {
      runs,
      batcher: new Batcher(session, { coalesce: true, maxRows: 64, queueLimit: 10_000, onRun, ...options }),
    };
  }

  /** Rows of equal width, as a request. */
  function requestOf(rows: number[][]): RowRequest {
    const rowDims = [[rows[0]?.length ?? 0]];
    const fetches = ['y'];
    const write = ([tensor]: readonly Tensor[], offset: number) => {
      const data = tensor?.data as BigInt64Array;
      for (const [index, value] of rows.flat().entries()) data[offset * (rowDims[0]?.[0] ?? 0) + index] = BigInt(value);
    };
    return { rows: rows.length, rowDims, fetches, key: batchKey(rowDims, fetches), write };
  }

  async function ask(to: Batcher, rows: number[][]): Promise<number[]> {
    const { outputs, offset } = await to.submit(requestOf(rows));
    const width = rows[0]?.length ?? 0;
    return [...((outputs.get('y') as Tensor).data as Float32Array)].slice(
      offset * width,
      (offset + rows.length) * width,
    );
  }

  const expected = (rows: number[][]) => rows.flat().map((value) => value * 10);

  it('runs what is ready in the same turn once, and gives each request its own rows', async () => {
    const { batcher: it, runs } = batcher();
    const requests = Array.from({ length: 30 }, (_, i) => [[i, i + 1], ...(i % 3 === 0 ? [[i + 2, i]] : [])]);
    const answers = await Promise.all(requests.map((rows) => ask(it, rows)));
    expect(answers).toEqual(requests.map(expected));
    expect(runs).toEqual([40]);
  });

  it('gives each request a run of its own where rows must not meet', async () => {
    const { batcher: it, runs } = batcher({ coalesce: false });
    await Promise.all([[[1]], [[2], [3]], [[4]]].map((rows) => ask(it, rows)));
    expect(runs).toEqual([1, 2, 1]);
  });

  it('never lets rows of different shape meet, nor more than maxRows, unless one request has more', async () => {
    const { batcher: it, runs } = batcher({ maxRows: 4 });
    const requests = [[[1], [2]], [[3, 4]], [[5]], [[6], [7]], [[8, 9]], Array.from({ length: 9 }, (_, i) => [i])];
    const answers = await Promise.all(requests.map((rows) => ask(it, rows)));
    expect(answers).toEqual(requests.map(expected));
    expect(runs).toEqual([3, 2, 2, 9]);
  });

  it('a row that breaks the run fails its own request alone', async () => {
    const { batcher: it, runs } = batcher();
    const requests = [[[1]], [[2], [POISON]], [[3]], [[POISON]], [[4]]];
    const answers = await Promise.allSettled(requests.map((rows) => ask(it, rows)));
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(runs).toEqual([1, 1, 1]);
    expect(await ask(it, [[5]])).toEqual([50]);
  });

  it('refuses at once what its queue has no place for, and takes more when there is place again', async () => {
    const { batcher: it } = batcher({ queueLimit: 2, maxRows: 1 });
    const answers = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => ask(it, [[i]])));
    expect(answers.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect((answers[4] as PromiseRejectedResult).reason).toMatchObject({ code: 'overloaded', retryAfter: 1 });
    expect(it.queuedRows).toBe(0);
    expect(await ask(it, [[1], [2], [3], [4]])).toEqual([10, 20, 30, 40]); // larger than the queue, but it is empty
  });

  it('takes requests that belong together all or not at all', async () => {
    const { batcher: it, runs } = batcher({ queueLimit: 3, maxRows: 1 });
    const five = Array.from({ length: 5 }, (_, i) => requestOf([[i]]));
    expect(await it.submitAll(five)).toHaveLength(5); // nothing waited
    const [first, second] = await Promise.allSettled([it.submit(requestOf([[1]])), it.submitAll(five)]);
    expect([first.status, second.status]).toEqual(['fulfilled', 'rejected']);
    expect(runs).toHaveLength(6);
  });

  it('answers every request once, with its own rows, whatever the timing, shapes and failures', async () => {
    const request = fc.record({
      width: fc.integer({ min: 1, max: 3 }),
      rows: fc.integer({ min: 1, max: 6 }),
      seed: fc.integer({ min: 0, max: 90 }),
      poisoned: fc.boolean(),
      turns: fc.integer({ min: 0, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 60 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 20 }),
        async (plan, coalesce, maxRows) => {
          const { batcher: it } = batcher({ coalesce, maxRows });
          await Promise.all(
            plan.map(async ({ width, rows, seed, poisoned, turns }, index) => {
              for (let i = 0; i < turns; i++) await new Promise(setImmediate);
              const bad = poisoned && index % 5 === 0;
              const values = Array.from({ length: rows }, (_, row) =>
                Array.from({ length: width }, (_unused, column) =>
                  bad && row === 0 ? POISON : seed + ((row + column) % 10),
                ),
              );
              const answer = await ask(it, values).catch((error: unknown) => (error as { code: string }).code);
              expect(answer).toEqual(bad ? 'inference_failed' : expected(values));
            }),
          );
          expect(it.queuedRows).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
