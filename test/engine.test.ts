import { request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { linearModel, onnxModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { Service } from './support/service.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE, turnsPerMs } from './support/slow-models.js';

const QUICK_SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [2]}}}\noutput: {task: regression}\n';
const CENTRED = onnxModel({
  inputs: [{ name: 'a', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [
    { op: 'ReduceMean', inputs: ['a'], outputs: ['mean'], name: 'centre', attributes: { axes: [0] } },
    { op: 'Sub', inputs: ['a', 'mean'], outputs: ['y'] },
  ],
});

/** Small on disk; the runtime multiplies two large matrices while it loads it. y = a. */
const HEAVY = onnxModel({
  inputs: [{ name: 'a', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [
    { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['matrix'] },
    { op: 'MatMul', inputs: ['matrix', 'matrix'], outputs: ['product'] },
    { op: 'ReduceMax', inputs: ['product'], outputs: ['zero'], attributes: { keepdims: 0 } },
    { op: 'Add', inputs: ['a', 'zero'], outputs: ['y'] },
  ],
  constants: [{ name: 'shape', type: 'int64', shape: [2], values: [3000, 3000] }],
});

describe('slow and fast models side by side', () => {
  let folder: ModelFolder;
  let service: Service;
  /** Turns that take about 300 ms. */
  let slow: number;

  beforeAll(async () => {
    folder = await ModelFolder.with({
      'quick/1/model.onnx': linearModel([3]),
      'quick/1/signature.yaml': QUICK_SIGNATURE,
      'centred/1/model.onnx': CENTRED,
      'heavy/model.yaml': 'load: lazy',
      'heavy/1/model.onnx': HEAVY,
      'heavy/1/signature.yaml': QUICK_SIGNATURE,
      'slow/1/model.onnx': COUNTDOWN,
      'slow/1/signature.yaml': COUNTDOWN_SIGNATURE,
      'hasty/1/model.onnx': COUNTDOWN,
      'hasty/1/signature.yaml': `${COUNTDOWN_SIGNATURE}limits: {timeout_ms: 60}`,
      'narrow/1/model.onnx': COUNTDOWN,
      'narrow/1/signature.yaml': `${COUNTDOWN_SIGNATURE}limits: {run_rows: 2, queue_rows: 2, threads: 1}\nbatching: on\n`,
    });
    service = await Service.start({
      MODELS_DIR: folder.path,
      DEFAULT_MODEL: 'quick',
      REQUIRED_MODELS: 'narrow',
    });
    slow = Math.ceil(300 * (await turnsPerMs(service, '/v1/models/slow/predict')));
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const executionOf = async (model: string) => (await service.get(`/v1/models/${model}/versions/1`)).json.execution as Record<string, unknown>; // prettier-ignore
  const run = (model: string, turns: number, headers: Record<string, string> = {}) =>
    service.post(`/v1/models/${model}/predict`, { n: [turns] }, headers);

  it('are placed by how long they take, and each says whether its rows share runs, and why', async () => {
    expect(await executionOf('quick')).toEqual({
      placement: 'inline',
      batching: { mode: 'auto', coalesced: true, reason: 'rows are independent: proven from the graph, and tried out' },
      run_rows: expect.any(Number) as unknown,
      row_ms: expect.any(Number) as unknown,
    });
    expect(await executionOf('slow')).toMatchObject({
      placement: 'threads',
      threads: 1,
      batching: { mode: 'auto', coalesced: false, reason: expect.stringContaining('operator ReduceMax') as unknown },
    });
    expect((await executionOf('centred')).batching).toEqual({
      mode: 'auto',
      coalesced: false,
      reason: expect.stringMatching(/^not proven: node "centre", operator ReduceMean: /) as unknown,
    });
    expect(await executionOf('narrow')).toMatchObject({ run_rows: 2, batching: { mode: 'on', coalesced: true } });
  });

  it('a slow run keeps neither probes nor other models waiting', async () => {
    let isDone = false;
    const long = run('slow', 2 * slow).then(() => (isDone = true));
    await sleep(30);
    for (let i = 0; i < 5; i++) {
      const [live, quick] = await Promise.all([service.get('/health/live'), service.post('/predict', { a: 2 })]);
      expect([live.status, quick.json.prediction, isDone]).toEqual([200, 6, false]);
    }
    await long;
  });

  it('a model that takes long to load keeps nobody waiting, and never loads on the HTTP thread', async () => {
    let isDone = false;
    const first = service.post('/v1/models/heavy/predict', { a: 5 }).then((answer) => {
      isDone = true;
      return answer;
    });
    const late = await service.post('/v1/models/heavy/predict', { a: 5 }, { 'X-Request-Timeout-Ms': '20' });
    expect([late.status, late.json.code]).toEqual([504, 'deadline_exceeded']);
    for (let i = 0; i < 3; i++) {
      const [live, quick] = await Promise.all([service.get('/health/live'), service.post('/predict', { a: 2 })]);
      expect([live.status, quick.json.prediction, isDone]).toEqual([200, 6, false]);
    }
    expect((await first).json.prediction).toBe(5);
    expect((await executionOf('heavy')).placement).toBe('threads');
  });

  it('a run that does not end fails readiness, then liveness, until it does', async () => {
    // Of its own: on a busy machine the runs of other tests would count as stuck.
    const watched = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'quick', STUCK_AFTER_MS: '150' });
    try {
      const long = watched.post('/v1/models/slow/predict', { n: [3 * slow] });
      const seen = new Set<string>();
      while (!seen.has('503 503')) {
        const [ready, live] = await Promise.all([watched.get('/health/ready'), watched.get('/health/live')]);
        seen.add(`${ready.status} ${live.status}`);
        if (ready.status === 503) expect(JSON.stringify(ready.json)).toContain('a run of a model has taken');
        await sleep(10);
      }
      expect([...seen]).toEqual(['200 200', '503 200', '503 503']);
      expect((await long).status).toBe(200);
      expect((await watched.get('/health/ready')).status).toBe(200);
    } finally {
      await watched.stop();
    }
  });

  it('answers 504 when the time that a client gives is up, and does not run what waited', async () => {
    const first = run('slow', slow);
    await sleep(20);
    const late = await run('slow', 1, { 'X-Request-Timeout-Ms': '50' });
    expect([late.status, late.json.code]).toEqual([504, 'deadline_exceeded']);
    expect((await first).status).toBe(200);
    const metrics = (await service.get('/metrics')).text;
    expect(metrics).toContain('nestor_queue_refused_rows_total{model="slow",version="1",reason="expired"} 1');
    expect(metrics).toContain('nestor_inference_failures_total{model="slow",version="1",code="deadline_exceeded"} 1');
  });

  it.each(['0', '-1', '1.5', 'soon', ''])('refuses "%s" as a time limit', async (limit) => {
    const { status, json } = await service.post('/predict', { a: 1 }, { 'X-Request-Timeout-Ms': limit });
    expect([status, json.code]).toEqual([400, 'validation_failed']);
    expect(json.detail).toContain('X-Request-Timeout-Ms');
  });

  it("keeps to a version's own limits: its queue, its rows per run", async () => {
    const first = run('narrow', Math.ceil(slow / 2));
    await sleep(20);
    const waiting = [run('narrow', 1), run('narrow', 2)];
    await sleep(20);
    const [refused, ready] = await Promise.all([run('narrow', 3), service.get('/health/ready')]);
    expect([ready.status, ready.json.details.queues]).toEqual([503, { status: 'down', message: 'full: narrow' }]);
    expect([refused.status, refused.json.code, refused.headers.get('retry-after')]).toEqual([503, 'overloaded', '1']);
    expect((await Promise.all([first, ...waiting])).map(({ status }) => status)).toEqual([200, 200, 200]);
    const batch = await service.post('/v1/models/narrow/predict/batch', { requests: [1, 2, 3, 4, 5].map((n) => ({ n: [n] })) }); // prettier-ignore
    const predictions = batch.json.predictions as { outputs: unknown }[];
    expect(predictions.map(({ outputs }) => outputs)).toEqual([1, 2, 3, 4, 5].map((n) => ({ y: [10 * n] })));
  });

  it("keeps to a version's own time limit, though the run goes on", async () => {
    const { status, json } = await run('hasty', slow);
    expect([status, json.code]).toEqual([504, 'deadline_exceeded']);
    while ((await run('hasty', 1)).status !== 200); // nothing can stop it inside the runtime
  });

  it('a client that leaves gives its place in the queue up', async () => {
    const first = run('narrow', Math.ceil(slow / 2));
    await sleep(20);
    await Promise.all([
      leave(`${service.url}/v1/models/narrow/predict`),
      leave(`${service.url}/v1/models/narrow/predict`),
    ]);
    await sleep(20);
    const next = run('narrow', 1);
    expect([(await first).status, (await next).status]).toEqual([200, 200]);
    expect((await service.get('/metrics')).text).toContain(
      'nestor_queue_refused_rows_total{model="narrow",version="1",reason="abandoned"} 2',
    );
  });

  it('says in each answer how long it waited and ran', async () => {
    const { headers } = await service.post('/predict', { a: 1 });
    expect(headers.get('server-timing')).toMatch(/^queue;dur=\d+\.\d{3}, run;dur=\d+\.\d{3}$/);
  });

  it('shows queues, placements and threads in the metrics', async () => {
    const { text } = await service.get('/metrics');
    for (const line of [
      'nestor_queue_rows{model="slow",version="1"} 0',
      'nestor_model_placement{model="quick",version="1",placement="inline"} 1',
      'nestor_model_placement{model="slow",version="1",placement="threads"} 1',
      'nestor_model_threads{model="slow",version="1"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/nestor_queue_wait_seconds_count\{model="quick",version="1"\} [1-9]/);
    expect(text).toMatch(/nestor_inference_rows_per_run_count\{model="quick",version="1"\} [1-9]/);
  });
});

/** Posts a row, and closes the connection while it waits. */
async function leave(url: string): Promise<void> {
  const request = httpRequest(url, { method: 'POST', headers: { 'Content-Type': 'application/json' } });
  request.on('error', () => undefined);
  request.end('{"n":[1]}');
  await sleep(20);
  request.destroy();
}
