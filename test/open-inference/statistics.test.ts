import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ModelStatistics } from '../../src/open-inference/statistics.service.js';
import { GrpcClient } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { linearModel } from '../support/onnx.js';
import { Service } from '../support/service.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE, LOOKUP, POISON } from '../support/slow-models.js';

const LOOKUP_SIGNATURE = `
features: {type: object, required: [i], properties: {i: {type: array, items: {type: integer}, minItems: 1, maxItems: 1, examples: [[1]]}}}
inputs: {i: i}
output: {task: raw}
batching: on
limits: {run_rows: 8}
`;

/** One request, on one of the ways to a model, and what is known of its fate. */
interface Plan {
  way: 'predict' | 'batch' | 'json' | 'grpc';
  rows: number;
  /** One of its rows makes a run fail. */
  isPoisoned: boolean;
  /** Turns of the event loop that it waits before it is sent. */
  turns: number;
}

describe('statistics', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: GrpcClient;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'lookup/1/model.onnx': LOOKUP,
      'lookup/1/signature.yaml': LOOKUP_SIGNATURE,
      'slow/1/model.onnx': COUNTDOWN,
      'slow/1/signature.yaml': COUNTDOWN_SIGNATURE,
      'two/1/model.onnx': linearModel([1]),
      'two/2/model.onnx': linearModel([1]),
      'stats/1/model.onnx': linearModel([1]),
    });
    service = await Service.start({ MODELS_DIR: folder.path });
    client = new GrpcClient(await service.openGrpc());
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await folder.remove();
  });

  const overHttp = async (path: string) =>
    (await service.get(`/v2/models/${path}`)).json.model_stats as ModelStatistics[];
  const of = async (model: string): Promise<ModelStatistics> => {
    const [statistics] = await overHttp(`${model}/versions/1/stats`);
    if (!statistics) throw new Error('there are none');
    return statistics;
  };
  const overGrpc = async (name: string, version = '') =>
    (await client.call('ModelStatistics', { name, version })).response.model_stats as ModelStatistics[];

  /** Sends a request. @returns whether it was answered */
  async function send({ way, rows, isPoisoned, turns }: Plan): Promise<boolean> {
    const values = Array.from({ length: rows }, (_, row) => (isPoisoned && row === 0 ? POISON : row % 100));
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    const tensor = { name: 'i', datatype: 'INT64', shape: [rows, 1] };
    switch (way) {
      case 'predict':
        return (await service.post('/v1/models/lookup/predict', { i: [values[0]] })).status === 200;
      case 'batch': {
        const requests = values.map((value) => ({ i: [value] }));
        return (await service.post('/v1/models/lookup/predict/batch', { requests })).status === 200;
      }
      case 'json': {
        const body = { inputs: [{ ...tensor, data: values }] };
        return (await service.post('/v2/models/lookup/infer', body)).status === 200;
      }
      case 'grpc': {
        const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
        return (await client.infer('lookup', [{ ...tensor, bytes }])).code === 0;
      }
      default:
        return way satisfies never;
    }
  }

  it('however requests come, share runs, are parted and fail: the sums are right', async () => {
    const plan = fc.record<Plan>({
      way: fc.constantFrom('predict', 'batch', 'json', 'grpc'),
      rows: fc.integer({ min: 1, max: 20 }),
      isPoisoned: fc.constantFrom(true, false, false, false),
      turns: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 40 }), async (plans) => {
        const before = await of('lookup');
        const answered = await Promise.all(plans.map(send));
        const after = await of('lookup');
        const count = (name: keyof ModelStatistics['inference_stats']) =>
          after.inference_stats[name].count - before.inference_stats[name].count;

        const successes = answered.filter(Boolean).length;
        expect(answered).toEqual(plans.map(({ isPoisoned }) => !isPoisoned));
        expect({ success: count('success'), fail: count('fail') }).toEqual({
          success: successes,
          fail: plans.length - successes,
        });
        for (const name of ['queue', 'compute_input', 'compute_infer', 'compute_output'] as const)
          expect({ [name]: count(name) }).toEqual({ [name]: successes });
        // Rows of a request that is parted may run though another part of it fails.
        const rowsOf = (plan: Plan) => (plan.way === 'predict' ? 1 : plan.rows);
        const good = plans.filter(({ isPoisoned }) => !isPoisoned).reduce((sum, one) => sum + rowsOf(one), 0);
        const all = plans.reduce((sum, one) => sum + rowsOf(one), 0);
        const rows = after.inference_count - before.inference_count;
        expect(rows).toBeGreaterThanOrEqual(good);
        expect(rows).toBeLessThanOrEqual(all);
        expectSums(after);
      }),
      { numRuns: 40 },
    );
    const { batch_stats: batches } = await of('lookup');
    expect(batches.some(({ batch_size }) => batch_size > 1)).toBe(true);
    expect(batches.every(({ batch_size }) => batch_size <= 64)).toBe(true); // tensors of one request: eight runs in one
  });

  /** What holds at any time. */
  function expectSums({ inference_count, execution_count, batch_stats, inference_stats }: ModelStatistics): void {
    const runs = batch_stats.reduce((sum, { compute_infer }) => sum + compute_infer.count, 0);
    const rows = batch_stats.reduce((sum, { batch_size, compute_infer }) => sum + batch_size * compute_infer.count, 0);
    expect({ runs, rows }).toEqual({ runs: execution_count, rows: inference_count });
    const { success, queue, compute_input, compute_infer, compute_output } = inference_stats;
    expect(queue.ns + compute_input.ns + compute_infer.ns + compute_output.ns).toBeLessThanOrEqual(1.01 * success.ns);
  }

  it('agree with the metrics', async () => {
    const { text } = await service.get('/metrics');
    const read = (name: string) =>
      Number(new RegExp(`^${name}{model="lookup",version="1"} (\\d+)$`, 'm').exec(text)?.[1]);
    const { inference_count, execution_count } = await of('lookup');
    expect(read('nestor_inference_rows_total')).toBe(inference_count);
    expect(read('nestor_inference_requests_per_run_count')).toBe(execution_count);
  });

  it('count what is not run for its deadline, or refused by the model, as failed', async () => {
    const before = await of('slow');
    const busy = service.post('/v1/models/slow/predict', { n: [200_000] });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const late = await Promise.all(
      Array.from({ length: 5 }, () =>
        service.post('/v1/models/slow/predict', { n: [1] }, { 'X-Request-Timeout-Ms': '5' }),
      ),
    );
    expect(late.map(({ status }) => status)).toEqual([504, 504, 504, 504, 504]);
    expect((await busy).status).toBe(200);
    const after = await of('slow');
    const { success, fail, compute_infer } = after.inference_stats;
    expect(fail.count - before.inference_stats.fail.count).toBe(5);
    expect(success.count - before.inference_stats.success.count).toBe(1);
    expect(after.execution_count - before.execution_count).toBe(1);
    // The run took its time, and that is what is told of it.
    expect(compute_infer.ns).toBeGreaterThan(10e6);
    expect(success.ns).toBeGreaterThanOrEqual(compute_infer.ns);
    expectSums(after);
  });

  it('leave out what is not valid: it does not reach a model', async () => {
    const before = await of('lookup');
    expect((await service.post('/v1/models/lookup/predict', { i: 'no' })).status).toBe(400);
    expect((await client.call('ModelInfer', { model_name: 'lookup' })).code).toBe(3);
    expect(await of('lookup')).toEqual(before);
  });

  it('say when a model was used last', async () => {
    const [before] = await overHttp('two/versions/2/stats');
    expect(before).toMatchObject({ last_inference: 0, inference_count: 0 });
    const bytes = new Uint8Array(Float32Array.of(1).buffer);
    const from = Date.now();
    await client.infer('two', [{ name: 'x', datatype: 'FP32', shape: [1, 1], bytes }]);
    const [after] = await overHttp('two/versions/2/stats');
    expect(after?.last_inference).toBeGreaterThanOrEqual(from);
    expect(after?.last_inference).toBeLessThanOrEqual(Date.now());
  });

  it('are told of all models, one, or one version, over both transports alike', async () => {
    const names = (all: readonly ModelStatistics[]) => all.map(({ name, version }) => `${name} ${version}`);
    expect(names(await overHttp('stats'))).toEqual(['lookup 1', 'slow 1', 'stats 1', 'two 1', 'two 2']);
    expect(names(await overHttp('two/stats'))).toEqual(['two 1', 'two 2']);
    expect(names(await overHttp('two/versions/2/stats'))).toEqual(['two 2']);
    expect(names(await overHttp('stats/stats'))).toEqual(['stats 1']);
    expect(await overGrpc('')).toEqual(await overHttp('stats'));
    expect(await overGrpc('two')).toEqual(await overHttp('two/stats'));
    expect(await overGrpc('two', '1')).toEqual(await overHttp('two/versions/1/stats'));
    expect((await service.get('/v2/models/nope/stats')).json).toEqual({
      error: expect.stringMatching(/no model "nope"/),
    });
  });

  it('go on counting when a model is loaded anew', async () => {
    const before = await of('lookup');
    expect((await client.call('RepositoryModelUnload', { model_name: 'lookup' })).code).toBe(0);
    expect(await of('lookup')).toEqual(before);
    expect((await client.call('RepositoryModelLoad', { model_name: 'lookup' })).code).toBe(0);
    await service.post('/v1/models/lookup/predict', { i: [1] });
    const after = await of('lookup');
    expect(after.inference_count).toBe(before.inference_count + 1);
    expect(after.inference_stats.success.count).toBe(before.inference_stats.success.count + 1);
  });
});
