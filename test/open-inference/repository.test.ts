import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type RepositoryEntry } from '../../src/admin/repository.service.js';
import { GrpcClient } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { linearModel } from '../support/onnx.js';
import { type Answer, Service } from '../support/service.js';
import { until } from '../support/until.js';

/** The three calls, over one of the transports. */
interface Transport {
  index(ready?: boolean): Promise<RepositoryEntry[]>;
  /** @returns why it failed; empty where it did not */
  change(what: 'load' | 'unload', model: string): Promise<string>;
}

describe.each(['HTTP', 'gRPC'])('the model repository over %s', (name) => {
  let folder: ModelFolder;
  let service: Service;
  let client: GrpcClient;
  let transport: Transport;
  beforeEach(async () => {
    folder = await ModelFolder.with({
      'm/1/model.onnx': linearModel([1]),
      'm/2/model.onnx': linearModel([2]),
      'lazy/1/model.onnx': linearModel([1]),
      'lazy/model.yaml': 'load: lazy\n',
      'part/1/model.onnx': linearModel([1]),
      'part/2/model.onnx': linearModel([1]),
      'part/model.yaml': 'versions: {latest: 1}\n',
      'broken/1/model.onnx': 'nothing of the kind',
      'wrong/1/model.onnx': linearModel([1]),
      'wrong/model.yaml': 'lode: lazy\n',
    });
    service = await Service.start({ MODELS_DIR: folder.path });
    client = new GrpcClient(await service.openGrpc());
    transport = name === 'HTTP' ? overHttp() : overGrpc();
  });
  afterEach(async () => {
    client.close();
    await service.stop();
    await folder.remove();
  });

  const post = (path: string, body: string, headers = {}): Promise<Answer> =>
    service.call('POST', `/v2/repository/${path}`, { body, headers });

  function overHttp(): Transport {
    return {
      index: async (ready) => {
        const { json } = await post('index', ready === undefined ? '' : JSON.stringify({ ready }));
        return json as RepositoryEntry[];
      },
      change: async (what, model) => {
        const { status, text } = await post(`models/${model}/${what}`, '');
        return status === 200 ? '' : `${status} ${(JSON.parse(text) as { error: string }).error}`;
      },
    };
  }

  function overGrpc(): Transport {
    return {
      index: async (ready = false) =>
        (await client.call('RepositoryIndex', { ready })).response.models as RepositoryEntry[],
      change: async (what, model) => {
        const method = what === 'load' ? 'RepositoryModelLoad' : 'RepositoryModelUnload';
        const { code, details } = await client.call(method, { model_name: model });
        return code === 0 ? '' : `${code} ${details}`;
      },
    };
  }

  const states = async () =>
    Object.fromEntries(
      (await transport.index()).map(({ name: model, version = '', state }) => [`${model} ${version}`, state]),
    );
  const score = async (model: string) => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [10] }];
    const { status, json } = await service.post(`/v2/models/${model}/infer`, { inputs });
    return status === 200 ? Number(json.outputs[0].data[0]) : status;
  };

  it('the index tells each version, its state, and why', async () => {
    const entries = await transport.index();
    const ofVersion = (model: string, version: string) =>
      entries.find((entry) => entry.name === model && entry.version === version);
    expect(await states()).toEqual({
      'broken 1': 'UNAVAILABLE',
      'lazy 1': 'READY',
      'm 1': 'READY',
      'm 2': 'READY',
      'part 1': 'UNAVAILABLE',
      'part 2': 'READY',
      'wrong 1': 'UNAVAILABLE',
    });
    expect(ofVersion('m', '1')).toEqual({ name: 'm', version: '1', state: 'READY', reason: '' });
    expect(ofVersion('lazy', '1')?.reason).toBe('loaded by its first request');
    expect(ofVersion('broken', '1')?.reason).toMatch(/model.onnx: is not a complete ONNX file/);
    expect(ofVersion('wrong', '1')?.reason).toMatch(/model.yaml/);
    const ready = (await transport.index(true)).map(({ name: model, version }) => `${model} ${version}`);
    expect(ready).toEqual(['lazy 1', 'm 1', 'm 2', 'part 2']);
  });

  it('a model is unloaded whole, and loaded as its model.yaml has it; both as often as you like', async () => {
    expect(await score('m')).toBe(20);
    for (let again = 0; again < 2; again++) expect(await transport.change('unload', 'm')).toBe('');
    expect(await states()).toMatchObject({ 'm 1': 'UNAVAILABLE', 'm 2': 'UNAVAILABLE', 'part 2': 'READY' });
    expect(await score('m')).toBe(503);
    for (let again = 0; again < 2; again++) expect(await transport.change('load', 'm')).toBe('');
    expect(await states()).toMatchObject({ 'm 1': 'READY', 'm 2': 'READY' });
    expect(await score('m')).toBe(20);
    expect(await transport.change('unload', 'part')).toBe('');
    expect(await transport.change('load', 'part')).toBe('');
    expect(await states()).toMatchObject({ 'part 1': 'UNAVAILABLE', 'part 2': 'READY' });
  });

  it('calls for the same model at the same time end as the last of them', async () => {
    const changes = Array.from({ length: 9 }, (_, i) => transport.change(i % 2 === 0 ? 'load' : 'unload', 'm'));
    const outcomes = await Promise.all(changes);
    // A load that an unload overtakes says so.
    for (const outcome of outcomes) expect(outcome).toMatch(/^$|is not served: /);
    expect(outcomes.at(-1)).toBe('');
    expect(await states()).toMatchObject({ 'm 1': 'READY', 'm 2': 'READY' });
  });

  it('a model that failed is tried again, and says what is wrong with it', async () => {
    expect(await transport.change('load', 'broken')).toMatch(
      /^(503|14) Version 1 of broken is not served: FAILED, model.onnx: is not a complete ONNX file/,
    );
    await folder.write('broken/1/model.onnx', linearModel([4]));
    await until(async () => (await transport.change('load', 'broken')) === '');
    expect(await score('broken')).toBe(40);
    expect(await transport.change('load', 'wrong')).toMatch(/^(503|14) .*model.yaml/);
  });

  it('a lazy model is loaded now', async () => {
    expect(await transport.change('load', 'lazy')).toBe('');
    expect(await transport.index()).toContainEqual({ name: 'lazy', version: '1', state: 'READY', reason: '' });
  });

  it('a model that there is not', async () => {
    for (const what of ['load', 'unload'] as const)
      expect(await transport.change(what, 'n')).toMatch(/^(404|5) There is no model "n"\. Served: /);
  });
});

describe('the model repository', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: GrpcClient;
  beforeEach(async () => {
    folder = await ModelFolder.with({ 'm/1/model.onnx': linearModel([1]) });
  });
  afterEach(async () => {
    client.close();
    await service.stop();
    await folder.remove();
  });

  async function start(environment: Record<string, string> = {}): Promise<void> {
    service = await Service.start({ MODELS_DIR: folder.path, ...environment });
    client = new GrpcClient(await service.openGrpc());
  }

  it('takes bodies with and without a type, and refuses what it cannot do', async () => {
    await start();
    const post = (path: string, body: string, type?: string) =>
      service.call('POST', `/v2/repository/${path}`, {
        body,
        headers: type === undefined ? {} : { 'Content-Type': type },
      });
    for (const body of ['', '{}', '{"ready": true}'])
      for (const type of [undefined, 'application/json', 'application/octet-stream'])
        expect((await post('index', body, type)).status).toBe(200);
    expect((await post('models/m/unload', '{"parameters": {"unload_dependents": false}}')).status).toBe(200);
    expect((await post('models/m/load', '{"parameters": null}')).status).toBe(200);
    expect((await post('models/m/load', '{}')).status).toBe(200);
    for (const [path, body] of [
      ['index', '{'],
      ['index', '[]'],
      ['index', '{"ready": "yes"}'],
      ['models/m/load', '{"parameters": {"config": "{}"}}'],
      ['models/m/load', '{"parameters": 3}'],
    ] as const) {
      const { status, json } = await post(path, body);
      expect({ path, body, status, json }).toEqual({ path, body, status: 400, json: { error: expect.any(String) } });
    }
    const parameters = { config: { string_param: '{}' } };
    expect(await client.call('RepositoryModelLoad', { model_name: 'm', parameters })).toMatchObject({ code: 3 });
    // KServe's clients have the name in another field.
    expect((await client.call('RepositoryModelLoad', { repository_name: 'm' })).code).toBe(0);
  });

  it('changes nothing for those who may not: each way that /v1 refuses', async () => {
    await start();
    const refused = /^This call is not taken /;
    for (const metadata of [{ origin: 'http://evil.example' }, { 'x-forwarded-for': '10.0.0.1' }])
      for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload'])
        expect(await client.call(method, { model_name: 'm' }, { metadata })).toMatchObject({
          code: 7,
          details: expect.stringMatching(refused),
        });
    const other = new GrpcClient(await service.openGrpc(), { 'grpc.default_authority': 'evil.example' });
    expect(await other.call('RepositoryModelUnload', { model_name: 'm' })).toMatchObject({ code: 7 });
    expect((await other.call('RepositoryIndex')).response.models).toMatchObject([{ name: 'm', state: 'READY' }]);
    other.close();
    const headers = { Origin: 'http://evil.example' };
    for (const what of ['load', 'unload']) {
      const { status, json } = await service.call('POST', `/v2/repository/models/m/${what}`, { headers });
      expect(status).toBe(403);
      expect(json).toEqual({ error: expect.stringMatching(refused) });
    }
  });
});
