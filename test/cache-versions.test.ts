import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { counted } from './support/counted.js';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { startRedis } from './support/redis.js';
import { Service } from './support/service.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE } from './support/slow-models.js';
import { until } from './support/until.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';
const CLIENTS = 8;
const SWAPS = 6;

const redis = await startRedis();
afterAll(() => redis?.remove());

describe('a cached prediction is that of the version that answers', () => {
  let folder: ModelFolder;
  let service: Service;
  afterEach(async () => {
    await service.stop();
    await folder.remove();
  });

  /** What the version answers to 1: the number that it adds. */
  const ask = async (version?: string) => {
    const path = version === undefined ? '/predict' : `/v1/models/m/versions/${version}/predict`;
    const { json, headers } = await service.post(path, { a: 0 });
    return { says: json.prediction as number, version: headers.get('x-model-version'), cache: headers.get('x-cache') };
  };
  const start = async (files: Record<string, string | Uint8Array>, settings: Record<string, string> = {}) => {
    folder = await ModelFolder.with({ 'm/model.yaml': 'cache: {ttl: 1h}\n', ...files });
    service = await Service.start({ MODELS_DIR: folder.path, WATCH_INTERVAL_MS: '50', ...settings });
  };

  it('when the default moves, and when it moves back', async () => {
    const version = (name: string, bias: number) => ({
      [`m/${name}/model.onnx`]: linearModel([1], bias),
      [`m/${name}/signature.yaml`]: SIGNATURE,
    });
    await start({ ...version('1', 1), ...version('2', 2) });
    const move = async (to: string) => {
      const headers = { 'Content-Type': 'application/json' };
      expect((await service.call('PUT', '/v1/models/m/default', { body: JSON.stringify({ version: to }), headers })).status).toBe(200); // prettier-ignore
    };
    expect(await ask()).toEqual({ says: 2, version: '2', cache: 'miss' });
    await move('1');
    expect(await ask()).toEqual({ says: 1, version: '1', cache: 'miss' });
    await move('2');
    expect(await ask()).toEqual({ says: 2, version: '2', cache: 'hit' });
    expect(await ask('1')).toEqual({ says: 1, version: '1', cache: 'hit' });
  });

  for (const place of ['memory', 'Redis']) {
    const isThere = place === 'memory' || redis;
    (isThere ? it : it.skip)(
      `when its files are replaced in place while clients ask (${place})`,
      async () => {
        const write = async (bias: number) => {
          await folder.write('m/1/model.onnx', linearModel([1], bias));
        };
        const settings = place === 'Redis' ? { REDIS_URL: redis?.url ?? '', CACHE_MAX_ENTRIES: '1' } : {};
        await start({ 'm/1/model.onnx': linearModel([1], 1000), 'm/1/signature.yaml': SIGNATURE }, settings);
        const rows = [0, 1, 2, 3];
        let newest = 1000;
        let answers = 0;
        let isOver = false;
        const problems: string[] = [];
        const client = async () => {
          while (!isOver) {
            const a = rows[answers++ % rows.length] as number;
            const atLeast = newest;
            const { status, json } = await service.post('/predict', { a });
            const bias = (json.prediction as number) - a;
            // Once somebody has seen the new one, nobody who asks after that gets the old one's answer.
            if (status !== 200 || bias < atLeast) problems.push(`${status} ${bias} after ${atLeast}`);
            newest = Math.max(newest, bias);
          }
        };
        const clients = Array.from({ length: CLIENTS }, client);
        for (let bias = 1100; bias < 1000 + 100 * (SWAPS + 1); bias += 100) {
          await write(bias);
          await until(() => newest === bias);
          await sleep(30);
        }
        isOver = true;
        await Promise.all(clients);
        expect(problems).toEqual([]);
        expect(await counted(service, 'nestor_cache_hits_total', { model: 'm' })).toBeGreaterThan(answers / 4);
        // Files that come back are known again.
        await write(1000);
        await until(async () => (await ask()).says === 1000);
      },
      60_000,
    );
  }

  it('when files change while they are loaded: what nobody can tell apart is not kept', async () => {
    const golden = Array.from({ length: 4 }, () => ({ features: { n: [50_000] }, expect: { prediction: 5e5 } }));
    const files = {
      'm/1/model.onnx': COUNTDOWN,
      'm/1/signature.yaml': COUNTDOWN_SIGNATURE,
      'm/1/golden.json': JSON.stringify(golden),
    };
    folder = await ModelFolder.with({ 'm/model.yaml': 'cache: {ttl: 1h}\nload: lazy\n', ...files });
    service = await Service.start({ MODELS_DIR: folder.path, WATCH_INTERVAL_MS: '0' });
    const first = service.post('/predict', { n: [5] });
    await until(async () => (await service.get('/v1/models/m/versions/1')).json.state === 'CHECKING');
    await folder.write('m/1/notes.txt', 'changed');
    expect((await first).status).toBe(200);
    for (let i = 0; i < 2; i++) {
      const { status, headers } = await service.post('/predict', { n: [5] });
      expect([status, headers.get('x-cache')]).toEqual([200, 'miss']);
    }
  });

  it('a version that is gone leaves no metrics, and its entries leave with new ones once their time is up', async () => {
    await start({
      'm/1/model.onnx': linearModel([1], 1),
      'm/1/signature.yaml': SIGNATURE,
      'm/2/model.onnx': linearModel([1], 2),
      'm/2/signature.yaml': SIGNATURE,
      'm/model.yaml': 'cache: {ttl: 500ms}\n',
    });
    const askMany = (version: string, from: number) =>
      service.post(`/v1/models/m/versions/${version}/predict/batch`, {
        requests: Array.from({ length: 100 }, (_, index) => ({ a: from + index })),
      });
    await askMany('1', 0);
    expect(await counted(service, 'nestor_cache_misses_total', { version: '1' })).toBe(100);
    await rm(join(folder.path, 'm/1'), { recursive: true });
    await until(async () => (await counted(service, 'nestor_cache_misses_total', { version: '1' })) === 0);
    await sleep(500);
    await askMany('2', 0);
    expect(await counted(service, 'nestor_cache_entries', {})).toBe(100);
  });
});
