import { createRequire } from 'node:module';
import { type ClientReadableStream, Client, credentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Service as Methods } from '../../src/grpc/protocols.js';
import { HEALTH_SERVICE, INFERENCE_SERVICE } from '../../src/grpc/services.js';
import { HealthService } from '../../src/health/health.service.js';
import { GrpcClient } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { linearModel } from '../support/onnx.js';
import { Service } from '../support/service.js';
import { until } from '../support/until.js';

describe('grpc.health.v1', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: GrpcClient;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'good/1/model.onnx': linearModel([1]),
      'good/model.yaml': 'primary: true\n',
      'bad/1/model.onnx': 'nothing of the kind',
    });
    service = await Service.start({ MODELS_DIR: folder.path });
    client = new GrpcClient(await service.openGrpc());
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await folder.remove();
  });

  const check = (name: string) => client.call('Check', { service: name }, { service: HEALTH_SERVICE });
  const admin = (method: 'RepositoryModelLoad' | 'RepositoryModelUnload', model_name: string) =>
    client.call(method, { model_name });

  /** What a watch has told so far. */
  function watch(name: string): { told: string[]; stream: ClientReadableStream<object>; ended: Promise<number> } {
    const stream = client.stream('Watch', { service: name }, { service: HEALTH_SERVICE });
    const told: string[] = [];
    stream.on('data', ({ status }: { status: string }) => told.push(status));
    stream.on('error', () => undefined);
    const ended = new Promise<number>((resolve) =>
      stream.once('status', ({ code }) => {
        resolve(code);
      }),
    );
    return { told, stream, ended };
  }

  it('Check: the whole server, and each model', async () => {
    for (const name of ['', INFERENCE_SERVICE, 'good'])
      expect((await check(name)).response).toEqual({ status: 'SERVING' });
    expect((await check('bad')).response).toEqual({ status: 'NOT_SERVING' });
    expect(await check('none')).toMatchObject({ code: 5, details: 'There is no service or model of this name.' });
  });

  it('List: all of them', async () => {
    const { response } = await client.call('List', {}, { service: HEALTH_SERVICE });
    expect(response.statuses).toEqual({
      '': { status: 'SERVING' },
      [INFERENCE_SERVICE]: { status: 'SERVING' },
      good: { status: 'SERVING' },
      bad: { status: 'NOT_SERVING' },
    });
  });

  it('Watch: tells what changes, and of a model that comes to be', async () => {
    const [good, late] = [watch('good'), watch('late')];
    await until(() => good.told.length === 1 && late.told.length === 1);
    expect((await admin('RepositoryModelUnload', 'good')).code).toBe(0);
    await until(() => good.told.length === 2);
    expect((await check('good')).response).toEqual({ status: 'NOT_SERVING' });
    expect((await check('')).response).toEqual({ status: 'NOT_SERVING' }); // it is the default model
    expect((await admin('RepositoryModelLoad', 'good')).code).toBe(0);
    await folder.write('late/1/model.onnx', linearModel([1]));
    await until(() => good.told.length === 3 && late.told.at(-1) === 'SERVING');
    expect(good.told).toEqual(['SERVING', 'NOT_SERVING', 'SERVING']);
    expect(late.told[0]).toBe('SERVICE_UNKNOWN');
    for (const { stream, ended } of [good, late]) {
      stream.cancel();
      expect(await ended).toBe(1);
    }
  });

  it('a service that is about to stop serves nothing new, and says so to those who watch', async () => {
    const other = await Service.start({ MODELS_DIR: folder.path });
    const others = new GrpcClient(await other.openGrpc());
    const stream = others.stream('Watch', { service: '' }, { service: HEALTH_SERVICE });
    const told: string[] = [];
    stream.on('data', ({ status }: { status: string }) => told.push(status));
    stream.on('error', () => undefined);
    const ended = new Promise((resolve) =>
      stream.once('status', ({ code }) => {
        resolve(code);
      }),
    );
    await until(() => told.length === 1);
    other.app.get(HealthService).isDraining = true;
    expect((await others.call('Check', {}, { service: HEALTH_SERVICE })).response).toEqual({ status: 'NOT_SERVING' });
    expect((await others.call('ServerReady')).response).toEqual({ ready: false });
    expect((await others.call('ServerLive')).response).toEqual({ live: true });
    await other.stop();
    expect(await ended).toBe(14);
    expect(told).toEqual(['SERVING', 'NOT_SERVING']);
    others.close();
  });
});

describe.each(['v1', 'v1alpha'])('grpc.reflection.%s', (version) => {
  const service = `grpc.reflection.${version}.ServerReflection`;
  const require = createRequire(import.meta.url);
  const file = require.resolve(`@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`);
  const { ServerReflectionInfo } = loadSync(file, { keepCase: true, oneofs: true })[service] as unknown as Methods;

  it('tells the services, and a message as it is written', async () => {
    const folder = await ModelFolder.with({ 'good/1/model.onnx': linearModel([1]) });
    const served = await Service.start({ MODELS_DIR: folder.path });
    const client = new Client(await served.openGrpc(), credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = ServerReflectionInfo as Methods[string];
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const ask = async (question: object) => {
      const answer = new Promise<Record<string, any>>((resolve) => stream.once('data', resolve)); // eslint-disable-line @typescript-eslint/no-explicit-any -- tests read answers freely
      stream.write(question);
      return answer;
    };
    const { list_services_response: listed } = await ask({ list_services: '' });
    const names = (listed.service as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([INFERENCE_SERVICE, HEALTH_SERVICE]));
    const found = await ask({ file_containing_symbol: 'inference.ModelInferRequest' });
    const [bytes] = found.file_descriptor_response.file_descriptor_proto as Buffer[];
    const descriptor = bytes?.toString('latin1');
    for (const field of ['raw_input_contents', 'model_version', 'RepositoryModelLoad'])
      expect(descriptor).toContain(field);
    stream.end();
    client.close();
    await served.stop();
    await folder.remove();
  });
});
