import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { Service } from './support/service.js';

const FEATURES =
  'features: {type: object, required: [a], properties: {a: {type: number}}}\noutput: {task: regression}\n';

describe('probes and metrics', () => {
  let folder: ModelFolder;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'good/1/model.onnx': linearModel([1]),
      'good/1/signature.yaml': FEATURES,
      'bad/1/model.onnx': 'nothing',
    });
  });
  afterAll(() => folder.remove());

  async function probe(environment: Record<string, string>) {
    const service = await Service.start({ MODELS_DIR: folder.path, ...environment });
    try {
      const paths = ['/health', '/health/live', '/health/ready', '/health/startup'];
      const answers = await Promise.all(paths.map((path) => service.get(path)));
      return { statuses: answers.map(({ status }) => status), health: answers[0]?.json, ready: answers[2]?.json };
    } finally {
      await service.stop();
    }
  }

  it('a model that is broken and not required degrades readiness, and takes nothing out', async () => {
    const { statuses, health, ready } = await probe({ DEFAULT_MODEL: 'good' });
    expect(statuses).toEqual([200, 200, 200, 200]);
    expect(health).toEqual({ status: 'healthy', model_loaded: true });
    expect(ready).toMatchObject({ status: 'degraded', details: { models: { status: 'degraded', failed: ['bad 1'] } } });
  });

  it.each([
    ['the default model is broken', { DEFAULT_MODEL: 'bad' }, 503],
    ['the default model is not there', { DEFAULT_MODEL: 'other' }, 503],
    ['a required model is broken', { DEFAULT_MODEL: 'good', REQUIRED_MODELS: 'bad' }, 200],
    ['all are required and one is broken', { DEFAULT_MODEL: 'good', REQUIRED_MODELS: 'all' }, 200],
    ['a required model is not there', { DEFAULT_MODEL: 'good', REQUIRED_MODELS: 'good,other' }, 200],
  ])('is not ready, and alive, when %s', async (_, environment, health) => {
    const { statuses, ready } = await probe(environment);
    expect(statuses).toEqual([health, 200, 503, 200]);
    expect(ready?.details.models).toMatchObject({
      status: 'down',
      message: expect.stringContaining('cannot serve') as unknown,
    });
  });

  it('has no default among several models, and says it is unhealthy for /predict', async () => {
    const { statuses, health } = await probe({});
    expect(statuses).toEqual([503, 200, 200, 200]);
    expect(health).toEqual({ status: 'unhealthy', model_loaded: false });
  });

  it('counts requests, rows, runs, states and loads, with labels that no client can grow', async () => {
    const service = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'good' });
    try {
      await service.post('/predict', { a: 1 });
      await service.post('/predict/batch', { requests: [{ a: 1 }, { a: 2 }] });
      for (let i = 0; i < 20; i++) {
        await service.get(`/nothing/${i}`);
        await service.post(`/v1/models/m${i}/predict`, { a: 1 });
        await service.post('/predict', { a: 1 }, { 'X-Model-Version': `v${i}` });
      }
      const { text, headers } = await service.get('/metrics');
      expect(headers.get('content-type')).toContain('text/plain');
      for (const line of [
        'nestor_http_requests_total{method="POST",route="/predict",status="200"} 1',
        'nestor_http_requests_total{method="POST",route="/predict/batch",status="200"} 1',
        'nestor_http_requests_total{method="GET",route="unmatched",status="404"} 20',
        'nestor_http_requests_total{method="POST",route="/v1/models/:model/predict",status="404"} 20',
        'nestor_inference_rows_total{model="good",version="1"} 3',
        'nestor_inference_duration_seconds_count{model="good",version="1"} 2',
        'nestor_model_state{model="good",version="1",state="READY"} 1',
        'nestor_model_state{model="bad",version="1",state="FAILED"} 1',
        'nestor_model_loads_total{model="bad",version="1",result="failed"} 1',
      ]) {
        expect(text).toContain(`${line}\n`);
      }
      expect(text).toContain('nestor_model_load_seconds{model="good",version="1"} ');
      expect(text).toContain('nodejs_eventloop_lag_p99_seconds ');
      expect(text).toContain('process_resident_memory_bytes ');
      expect(text).not.toMatch(/m19|v19|nothing/);
    } finally {
      await service.stop();
    }
  });
});
