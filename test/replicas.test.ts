import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { query, startPostgres } from './support/postgres.js';
import { Service } from './support/service.js';
import { until } from './support/until.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';
const M = '/v1/models/m';

const server = await startPostgres();
afterAll(() => server?.remove());

(server ? describe : describe.skip)('replicas on one PostgreSQL', () => {
  const started: Service[] = [];
  let folder: ModelFolder;
  afterEach(async () => {
    for (const service of started.splice(0)) await service.stop();
    await folder.remove();
  });

  it('decide together, and go on without it', async () => {
    if (!server) throw new Error('skipped without a server');
    folder = await ModelFolder.with({
      'm/1/model.onnx': linearModel([1]),
      'm/1/signature.yaml': SIGNATURE,
      'm/2/model.onnx': linearModel([2]),
      'm/2/signature.yaml': SIGNATURE,
    });
    await query(server.url, 'create database replicas'); // not on one that is not ours to stop
    const url = new URL(server.url);
    url.pathname = '/replicas';
    const start = async () => {
      const settings = { MODELS_DIR: folder.path, DATABASE_URL: url.href, WATCH_INTERVAL_MS: '200' };
      const service = await Service.start({ ...settings, DATABASE_TIMEOUT_MS: '1000' });
      started.push(service);
      return service;
    };
    const answer = async (service: Service) => {
      const { status, json } = await service.post(`${M}/predict`, { a: 1 });
      return status === 200 ? String(json.prediction) : String(json.code);
    };
    const set = async (service: Service, version: string) => {
      const headers = { 'Content-Type': 'application/json' };
      return (await service.call('PUT', `${M}/default`, { body: JSON.stringify({ version }), headers })).status;
    };
    const [one, two] = [await start(), await start()];

    expect([await set(one, '1'), await answer(one)]).toEqual([200, '1']);
    await until(async () => (await answer(two)) === '1');
    // Last of two at the same time: whichever it is, it is so for both.
    expect(await Promise.all([set(one, '2'), set(two, '1'), set(one, '1'), set(two, '2')])).toEqual([200, 200, 200, 200]); // prettier-ignore
    expect([await set(one, '1'), (await one.call('POST', `${M}/versions/2/unload`)).status]).toEqual([200, 200]);
    await until(async () => (await two.get(`${M}/versions/2`)).json.state === 'UNLOADED');
    expect(await answer(two)).toBe('1');

    await server.kill();
    expect([await set(one, '1'), (await two.call('POST', `${M}/versions/2/load`)).status]).toEqual([503, 503]);
    expect([await answer(one), await answer(two)]).toEqual(['1', '1']);
    const late = await start();
    expect(await answer(late)).toBe('2');

    await server.start();
    await until(async () => (await answer(late)) === '1');
    await until(async () => (await late.call('POST', `${M}/versions/2/load`)).status === 200);
    for (const service of [one, two, late]) {
      await until(async () => (await service.get(`${M}/versions/2`)).json.state === 'READY');
      expect((await service.get(M)).json.decisions).toMatchObject([{ kind: 'default', value: '1' }]);
    }
  }, 60_000);
});
