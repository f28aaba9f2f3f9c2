import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { Service } from './support/service.js';

const SIGNATURE = `
features:
  type: object
  required: [a]
  properties: {a: {type: number}}
inputs: {x: [a]}
output: {task: regression, scores: score}
`;

/** A model whose answer tells its version: it adds the number to `a`. */
const version = (name: string, bias: number) => ({
  [`${name}/model.onnx`]: linearModel([1], bias),
  [`${name}/signature.yaml`]: SIGNATURE,
});

describe('which version answers', () => {
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      ...version('m/1.0.0', 100),
      ...version('m/1.2.0', 120),
      ...version('m/v2', 200),
      ...version('m/10.0.0-rc.1', 1000),
      ...version('m/nightly', 5),
      'm/3.0.0/model.onnx': 'not a model',
      'm/model.yaml': 'default: 1.2.0\nlabels: {stable: 1.0.0, broken: 3.0.0}\n',
      ...version('undecided/1', 1),
      ...version('undecided/2', 2),
      'undecided/3/model.onnx': 'not a model',
      ...version('by-label/1', 1),
      ...version('by-label/2', 2),
      'by-label/model.yaml': 'default: stable\nlabels: {stable: "1"}\n',
      ...version('some/1', 1),
      ...version('some/2', 2),
      ...version('some/3', 3),
      'some/model.yaml': 'versions: {latest: 2}\n',
    });
    service = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'm' });
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const ask = async (path: string, header?: string) => {
    const { status, json, headers } = await service.post(
      path,
      { a: 0 },
      header === undefined ? {} : { 'X-Model-Version': header },
    );
    return { status, prediction: json.prediction as number, version: headers.get('x-model-version'), json };
  };

  it.each([
    ['/predict', undefined, '1.2.0', 120],
    ['/predict', '1.0.0', '1.0.0', 100],
    ['/predict', 'stable', '1.0.0', 100],
    ['/predict', 'latest', '10.0.0-rc.1', 1000],
    ['/predict', '^1', '1.2.0', 120],
    ['/predict', '~1.0', '1.0.0', 100],
    ['/predict', '>=2 <3', 'v2', 200],
    ['/predict', '1.x', '1.2.0', 120],
    ['/predict', 'nightly', 'nightly', 5],
    ['/predict', ' 1.0.0 ', '1.0.0', 100],
    ['/predict', '', '1.2.0', 120],
    ['/v1/models/m/predict', undefined, '1.2.0', 120],
    ['/v1/models/m/versions/1.0.0/predict', undefined, '1.0.0', 100],
    ['/v1/models/m/versions/stable/predict', undefined, '1.0.0', 100],
    ['/v1/models/m/versions/1.0.0/predict', 'stable', '1.0.0', 100],
    ['/v1/models/m/versions/1.0.0/predict', '1.0.0', '1.0.0', 100],
    ['/v1/models/undecided/predict', undefined, '2', 2],
    ['/v1/models/by-label/predict', undefined, '1', 1],
    ['/v1/models/some/predict', undefined, '3', 3],
  ])('%s with header %p is answered by %s', async (path, header, expected, prediction) => {
    expect(await ask(path, header)).toMatchObject({ status: 200, version: expected, prediction });
  });

  it.each([
    ['/predict', '9.9.9', 404, 'version_not_found'],
    ['/predict', '1', 404, 'version_not_found'],
    ['/predict', '^4', 404, 'version_not_found'],
    ['/predict', 'stabel', 404, 'version_not_found'],
    ['/predict', '__proto__', 404, 'version_not_found'],
    ['/predict', '3.0.0', 503, 'model_unavailable'],
    ['/predict', 'broken', 503, 'model_unavailable'],
    ['/v1/models/m/versions/1.0.0/predict', '1.2.0', 400, 'version_conflict'],
    ['/v1/models/m/versions/1.0.0/predict', 'latest', 400, 'version_conflict'],
    ['/v1/models/m/versions/1.0.0/predict', 'broken', 400, 'version_conflict'],
    ['/v1/models/m/versions/1.0.0/predict', 'nothing', 400, 'version_conflict'],
    ['/v1/models/nope/predict', undefined, 404, 'model_not_found'],
    ['/v1/models/constructor/predict', undefined, 404, 'model_not_found'],
    ['/v1/models/some/versions/1/predict', undefined, 404, 'version_not_found'],
  ])('%s with header %p answers %d %s', async (path, header, status, code) => {
    const answer = await ask(path, header);
    expect({ status: answer.status, code: answer.json.code as string }).toEqual({ status, code });
  });

  it('says what is served, and what was probably meant', async () => {
    const { json } = await ask('/predict', 'stabel');
    expect(json.detail).toContain('did you mean "stable"?');
    expect(json.detail).toContain('Served: nightly, 1.0.0, 1.2.0, v2, 10.0.0-rc.1.');
    expect((await ask('/v1/models/undecide/predict')).json.detail).toContain('did you mean "undecided"?');
  });

  it('lists models, versions and states', async () => {
    const { json } = await service.get('/v1/models');
    const [, m] = json.models as {
      name: string;
      primary: boolean;
      default_version: string;
      versions: { version: string; state: string; reason?: string; labels: string[] }[];
    }[];
    expect(m).toMatchObject({
      name: 'm',
      primary: true,
      default_version: '1.2.0',
      labels: { stable: '1.0.0', broken: '3.0.0' },
    });
    expect(m?.versions.map((v) => [v.version, v.state])).toEqual([
      ['nightly', 'READY'],
      ['1.0.0', 'READY'],
      ['1.2.0', 'READY'],
      ['v2', 'READY'],
      ['3.0.0', 'FAILED'],
      ['10.0.0-rc.1', 'READY'],
    ]);
    expect(m?.versions[4]?.reason).toBe('model.onnx: is not a complete ONNX file (truncated, or another format)');
    expect(m?.versions[1]?.labels).toEqual(['stable']);
    const some = await service.get('/v1/models/some');
    expect(some.json.versions[0]).toMatchObject({ state: 'UNLOADED', reason: 'left out by `versions` in model.yaml' });
  });

  it('describes one version with its signature and tensors', async () => {
    const { json } = await service.get('/v1/models/m/versions/1.0.0');
    expect(json).toMatchObject({
      version: '1.0.0',
      state: 'READY',
      signature: { task: 'regression', features: { type: 'object', additionalProperties: false }, example: { a: 1 } },
      inputs: [{ name: 'x', type: 'float32', shape: ['N', 1] }],
      outputs: [{ name: 'score', type: 'float32', shape: ['N', 1] }],
    });
    expect(json.size).toBeGreaterThan(0);
    expect(json.load_time).toBeGreaterThan(0);
    expect((await service.get('/v1/models/m/versions/3.0.0')).json.state).toBe('FAILED');
    expect((await service.get('/v1/models/m/versions/broken')).json.state).toBe('FAILED');
    expect((await service.get('/v1/models/m/versions/7')).status).toBe(404);
  });
});
