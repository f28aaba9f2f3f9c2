import { appendFile, mkdir, readlink, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { Service } from './support/service.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';
const QUIET_MS = 150;

/** A version that answers `weight · a`. */
const version = (path: string, weight: number) => ({
  [`${path}/model.onnx`]: linearModel([weight]),
  [`${path}/signature.yaml`]: SIGNATURE,
});

describe('models come and go while it serves', () => {
  let folder: ModelFolder;
  let service: Service;

  async function start(files: Record<string, string | Uint8Array>, environment: Record<string, string> = {}) {
    folder = await ModelFolder.with(files);
    service = await Service.start({
      MODELS_DIR: folder.path,
      QUIET_MS: String(QUIET_MS),
      WATCH_INTERVAL_MS: '200',
      DEFAULT_MODEL: 'm',
      ...environment,
    });
  }
  afterEach(async () => {
    await service.stop();
    await folder.remove();
  });

  const at = (path: string) => join(folder.path, path);
  const write = async (files: Record<string, string | Uint8Array>) => {
    for (const [path, content] of Object.entries(files)) await folder.write(path, content);
  };
  /** What the model answers to 1, and by which version; or the status and code of the failure. */
  const ask = async (pin?: string, model = 'm') => {
    const { status, json } = await service.post(`/v1/models/${model}/predict`, { a: 1 }, pin ? { 'X-Model-Version': pin } : {}); // prettier-ignore
    return status === 200 ? `${json.model_version} says ${json.prediction}` : `${status} ${json.code}`;
  };
  const about = async (pin: string) => (await service.get(`/v1/models/m/versions/${pin}`)).json;
  const loads = async (name: string) => {
    const { text } = await service.get('/metrics');
    return Number(
      new RegExp(`nestor_model_loads_total\\{model="m",version="${name}",result="ready"\\} (\\d+)`).exec(text)?.[1],
    );
  };
  async function eventually(look: () => Promise<unknown>, wanted: unknown) {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const found = await look();
      if (JSON.stringify(found) === JSON.stringify(wanted) || performance.now() > deadline) {
        expect(found).toEqual(wanted);
        return;
      }
      await sleep(20);
    }
  }

  describe('versions', () => {
    beforeEach(() => start({ ...version('m/1.0.0', 1), ...version('m/2.0.0', 2) }));

    it('a version that is added answers as the default once it is READY, and those before it go on', async () => {
      await write(version('m/3.0.0', 3));
      expect(await ask()).toBe('2.0.0 says 2'); // not read yet, and nobody waits for it
      await eventually(ask, '3.0.0 says 3');
      expect([await ask('1.0.0'), await ask('2.0.0')]).toEqual(['1.0.0 says 1', '2.0.0 says 2']);
    });

    it('a version that is broken never takes traffic', async () => {
      await write({ 'm/3.0.0/model.onnx': 'nothing' });
      await eventually(async () => (await service.get('/v1/models/m')).json.versions.length, 3);
      await eventually(async () => (await about('3.0.0')).state, 'FAILED');
      expect(await ask()).toBe('2.0.0 says 2');
    });

    it('a version that is removed is gone: its clients learn what is left, and the default is the highest left', async () => {
      await rm(at('m/2.0.0'), { recursive: true });
      await eventually(() => ask(), '1.0.0 says 1');
      const { json } = await service.post('/v1/models/m/predict', { a: 1 }, { 'X-Model-Version': '2.0.0' });
      expect([json.code, json.detail]).toEqual(['version_not_found', expect.stringContaining('Served: 1.0.0')]);
    });

    it('a version that is removed leaves no metrics behind', async () => {
      await ask('2.0.0');
      const lines = async () =>
        (await service.get('/metrics')).text.split('\n').filter((line) => line.includes('version="2.0.0"'));
      expect((await lines()).length).toBeGreaterThan(10);
      await rm(at('m/2.0.0'), { recursive: true });
      await eventually(lines, []);
      expect(await loads('1.0.0')).toBe(1);
    });

    it('a folder that is renamed is another version', async () => {
      await rename(at('m/2.0.0'), at('m/1.5.0'));
      await eventually(() => ask(), '1.5.0 says 2');
      expect(await ask('2.0.0')).toBe('404 version_not_found');
    });

    it('a file that is replaced in place is loaded beside, and swapped', async () => {
      await write({ 'm/2.0.0/model.onnx': linearModel([20]) });
      await eventually(() => ask(), '2.0.0 says 20');
    });

    it('a file that is only touched, or written again as it was, is not loaded again', async () => {
      await utimes(at('m/2.0.0/model.onnx'), new Date(), new Date());
      await write({ 'm/2.0.0/model.onnx': linearModel([2]), 'm/1.0.0/model.onnx': linearModel([10]) });
      await eventually(() => ask('1.0.0'), '1.0.0 says 10');
      await sleep(3 * QUIET_MS);
      expect([await loads('1.0.0'), await loads('2.0.0')]).toEqual([2, 1]);
    });

    it('a change that fails leaves what serves, with the reason; mended, it is in force', async () => {
      await write({ 'm/2.0.0/signature.yaml': 'output: {task: regresion}' });
      await eventually(async () => Boolean((await about('2.0.0')).reason), true);
      expect(await about('2.0.0')).toMatchObject({
        state: 'READY',
        reason: expect.stringMatching(
          /^its files changed, and what was loaded before still serves: signature.yaml:1/,
        ) as unknown,
      });
      expect(await ask()).toBe('2.0.0 says 2');
      await write({ 'm/2.0.0/signature.yaml': SIGNATURE, 'm/2.0.0/model.onnx': linearModel([22]) });
      await eventually(() => ask(), '2.0.0 says 22');
      expect((await about('2.0.0')).reason).toBeUndefined();
    });

    it('a golden row that the new file does not meet keeps the old one serving', async () => {
      await write({ 'm/2.0.0/golden.json': '[{"features": {"a": 1}, "expect": {"prediction": 2}}]' });
      await eventually(() => loads('2.0.0'), 2);
      await write({ 'm/2.0.0/model.onnx': linearModel([-2]) });
      await eventually(async () => String((await about('2.0.0')).reason).includes('golden.json:1'), true);
      expect(await ask()).toBe('2.0.0 says 2');
    });

    it('a file that arrives in pieces is read when it is whole', async () => {
      const bytes = linearModel([7]);
      await mkdir(at('m/7.0.0'));
      await writeFile(at('m/7.0.0/signature.yaml'), SIGNATURE);
      for (let i = 0; i < bytes.length; i += 20) {
        await appendFile(at('m/7.0.0/model.onnx'), bytes.subarray(i, i + 20));
        await sleep(QUIET_MS / 5);
        expect(await ask()).not.toMatch(/^7|^5/);
      }
      await eventually(() => ask(), '7.0.0 says 7');
      const { text } = await service.get('/metrics');
      expect(text).not.toContain('version="7.0.0",result="failed"');
    });

    it('a link that is swapped, as Kubernetes does, is followed', async () => {
      await write({ '.data-1/model.onnx': linearModel([31]), '.data-1/signature.yaml': SIGNATURE });
      await write({ '.data-2/model.onnx': linearModel([32]), '.data-2/signature.yaml': SIGNATURE });
      await symlink(at('.data-1'), at('.data'));
      await symlink(join('..', '.data'), at('m/3.0.0'));
      await eventually(() => ask(), '3.0.0 says 31');
      await symlink(at('.data-2'), at('.data-next'));
      await rename(at('.data-next'), at('.data'));
      expect(await readlink(at('.data'))).toBe(at('.data-2'));
      await eventually(() => ask(), '3.0.0 says 32');
    });

    it('no request is lost, and none is answered by a mixture, while versions are swapped under load', async () => {
      let isOver = false;
      let weight = 2;
      const seen = new Set<string>();
      const client = async () => {
        while (!isOver) {
          const before = weight;
          const answers = [await ask(), await ask('1.0.0')];
          seen.add(answers[0] as string);
          expect(answers[1]).toBe('1.0.0 says 1');
          const [, answered] = /^2\.0\.0 says (\d+)$/.exec(answers[0] as string) ?? [];
          expect(Number(answered)).toBeGreaterThanOrEqual(before - 1);
          expect(Number(answered)).toBeLessThanOrEqual(weight);
        }
      };
      const clients = Promise.all(Array.from({ length: 20 }, client));
      for (weight = 3; weight <= 8; weight++) {
        await write({ 'm/2.0.0/model.onnx': linearModel([weight]) });
        await eventually(() => ask(), `2.0.0 says ${weight}`);
      }
      weight--;
      isOver = true;
      await clients;
      expect(seen.size).toBe(7);
    });
  });

  describe('models', () => {
    beforeEach(() => start({ ...version('m/1.0.0', 1), ...version('m/2.0.0', 2), 'm/model.yaml': 'default: 1.0.0\n' }));

    it('a model that is added serves, and one that is removed is unknown', async () => {
      await write(version('other/1', 9));
      await eventually(() => ask(undefined, 'other'), '1 says 9');
      await rm(at('other'), { recursive: true });
      await eventually(() => ask(undefined, 'other'), '404 model_not_found');
      expect(await ask()).toBe('1.0.0 says 1');
    });

    it('model.yaml is in force when it is edited: default, labels, the versions that serve, lazy or not', async () => {
      await write({ 'm/model.yaml': 'default: best\nlabels: {best: 2.0.0}\n' });
      await eventually(() => ask(), '2.0.0 says 2');
      await write({ 'm/model.yaml': 'versions: [1.0.0]\n' });
      await eventually(() => ask('2.0.0'), '404 version_not_found');
      expect(await ask()).toBe('1.0.0 says 1');
      await rm(at('m/model.yaml'));
      await eventually(() => ask(), '2.0.0 says 2');
      await write({ 'm/model.yaml': 'load: lazy\n', ...version('m/4.0.0', 4) });
      await eventually(() => ask('4.0.0'), '4.0.0 says 4');
    });

    it('a mistake in model.yaml undoes nothing, and is shown', async () => {
      await write({ 'm/model.yaml': 'defalt: 2.0.0\n' });
      await eventually(async () => Boolean((await service.get('/v1/models/m')).json.reason), true);
      expect(await ask()).toBe('1.0.0 says 1');
      await write({ 'm/model.yaml': 'default: 2.0.0\n' });
      await eventually(() => ask(), '2.0.0 says 2');
      expect((await service.get('/v1/models/m')).json.reason).toBeUndefined();
    });

    it('a folder of models that vanishes takes nothing out of service', async () => {
      await rename(folder.path, `${folder.path}-away`);
      await sleep(500);
      expect(await ask()).toBe('1.0.0 says 1');
      await rename(`${folder.path}-away`, folder.path);
      await write(version('m/3.0.0', 3));
      await eventually(() => ask('3.0.0'), '3.0.0 says 3');
    });
  });

  it('WATCH_INTERVAL_MS=0 leaves everything as it was at the start', async () => {
    await start(version('m/1.0.0', 1), { WATCH_INTERVAL_MS: '0' });
    await write(version('m/2.0.0', 2));
    await sleep(4 * QUIET_MS);
    expect(await ask()).toBe('1.0.0 says 1');
  });
});
