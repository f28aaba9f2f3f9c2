import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { History } from '../src/history/history.js';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { Service } from './support/service.js';
import { until } from './support/until.js';

const FEATURES =
  'features: {type: object, required: [a], properties: {a: {type: number}}}\noutput: {task: regression}\n';

describe('GET /v1/events', () => {
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'good/1/model.onnx': linearModel([1]),
      'good/1/signature.yaml': FEATURES,
      'bad/1/model.onnx': 'nothing',
    });
    for (let i = 0; i < 20; i++) {
      await folder.write(`lazy-${i}/model.yaml`, 'load: lazy\n');
      await folder.write(`lazy-${i}/1/model.onnx`, linearModel([1]));
      await folder.write(`lazy-${i}/1/signature.yaml`, FEATURES);
    }
    service = await Service.start({ MODELS_DIR: folder.path });
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const list = async (search = '') =>
    (await service.get(`/v1/events${search}`)).json.events as Record<string, unknown>[];
  const states = async (search: string) =>
    (await list(search)).map(({ from, to }) => `${String(from)} → ${String(to)}`);

  it('lists each change of state from the newest on, with its reason, and nothing of what is not loaded', async () => {
    expect(await states('?model=good')).toEqual(['CHECKING → READY', 'LOADING → CHECKING', 'DISCOVERED → LOADING']);
    const [failed] = await list('?model=bad');
    expect(failed).toEqual({
      id: expect.any(Number) as unknown,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as unknown,
      kind: 'state',
      model: 'bad',
      version: '1',
      label: null,
      from: 'LOADING',
      to: 'FAILED',
      why: expect.stringContaining('model.onnx') as unknown,
      who: null,
      host: expect.any(String) as unknown,
      worker: 0,
    });
    expect(await list()).toHaveLength(5);
    expect(await list('?kind=default')).toEqual([]);
  });

  it('shows at once what has just happened', async () => {
    await service.post('/v1/models/lazy-7/predict', { a: 1 });
    expect(await states('?model=lazy-7')).toHaveLength(3);
  });

  it('is read page by page', async () => {
    const all = (await list()).map(({ id }) => id as number);
    expect(all).toEqual([...all].sort((a, b) => b - a));
    const pages = [];
    for (let before = ''; ; before = `&before=${String(pages.at(-1))}`) {
      const page = (await list(`?limit=3${before}`)).map(({ id }) => id);
      if (page.length === 0) break;
      expect(page.length).toBeLessThanOrEqual(3);
      pages.push(...page);
    }
    expect(pages).toEqual(all);
  });

  it.each([
    ['limit=0', '?limit', 'must be a whole number from 1 to 1000'],
    ['limit=1001', '?limit', 'must be a whole number from 1 to 1000'],
    ['before=-1', '?before', 'must be a whole number from 1 to 2147483647'],
    ['before=99999999999', '?before', 'must be a whole number from 1 to 2147483647'],
    ['kind=stat', '?kind', 'must be one of state, default, label, load, unload; did you mean "state"?'],
    ['model=', '?model', 'must be the name of a model'],
    ['model=%00', '?model', 'must be the name of a model'],
    ['model=a&model=b', '?model', 'must be given once'],
    ['modell=a', '?modell', 'is not known here; did you mean "model"?'],
    ['__proto__=a', '?__proto__', 'is not known here'],
  ])('refuses ?%s', async (search, path, message) => {
    const { status, json, headers } = await service.get(`/v1/events?${search}`);
    expect(status).toBe(400);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(json).toMatchObject({ code: 'validation_failed', errors: [{ path, message }] });
  });

  it('names all that is wrong at once', async () => {
    const { json } = await service.get('/v1/events?limit=x&kind=y&z=1');
    expect(json.errors).toHaveLength(3);
  });

  it('keeps the newest 10,000 events while the database is away, and counts the others', async () => {
    const away = await Service.start({ MODELS_DIR: folder.path, DATABASE_URL: 'postgres://a:b@127.0.0.1:9/c' });
    try {
      const history = away.app.get(History);
      for (let i = 0; i < 10_020; i++) history.record({ kind: 'default', model: 'm', to: String(i) });
      expect((await away.get('/v1/events')).status).toBe(503);
      // Five changes of state came first.
      expect((await away.get('/metrics')).text).toContain('nestor_events_dropped_total 25\n');
    } finally {
      await away.stop();
    }
  });

  it('an event that the database refuses takes only its own batch along', async () => {
    const history = service.app.get(History);
    history.record({ kind: 'default', model: undefined as unknown as string });
    await until(async () => (await service.get('/metrics')).text.includes('nestor_events_dropped_total 1\n'));
    history.record({ kind: 'default', model: 'good', to: '1', why: 'zero \0 inside' });
    expect(await list('?kind=default')).toEqual([expect.objectContaining({ why: 'zero  inside' })]);
    expect((await service.get('/health/ready')).json.details.database).toEqual({ status: 'up' });
  });
});
