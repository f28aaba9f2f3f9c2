import { compressionAlgorithms } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GrpcClient, type RawInput } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { identityModel, linearModel } from '../support/onnx.js';
import { Service } from '../support/service.js';
import { COUNTDOWN } from '../support/slow-models.js';
import { until } from '../support/until.js';

const BODY_LIMIT = 100_000;

describe('calls over gRPC', () => {
  let folder: ModelFolder;
  let service: Service;
  let address: string;
  let client: GrpcClient;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'm/1.0.0/model.onnx': linearModel([1]),
      'm/1.1.0/model.onnx': linearModel([2]),
      'm/2.0.0/model.onnx': linearModel([3]),
      'm/model.yaml': 'primary: true\ndefault: "1.0.0"\nlabels: {candidate: "2.0.0"}\n',
      'echo/1/model.onnx': identityModel({ name: 'x', shape: ['N', 'M'] }),
      'slow/1/model.onnx': COUNTDOWN,
      'broken/1/model.onnx': 'nothing of the kind',
    });
    const settings = { BODY_LIMIT: String(BODY_LIMIT), RECEIVE_TIMEOUT_MS: '1000' };
    service = await Service.start({ MODELS_DIR: folder.path, ...settings });
    address = await service.openGrpc();
    client = new GrpcClient(address);
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await folder.remove();
  });

  const row: RawInput = {
    name: 'x',
    datatype: 'FP32',
    shape: [1, 1],
    bytes: new Uint8Array(Float32Array.of(10).buffer),
  };
  const countdown = (turns: number): RawInput => {
    const bytes = new Uint8Array(BigInt64Array.of(BigInt(turns)).buffer);
    return { name: 'n', datatype: 'INT64', shape: [1, 1], bytes };
  };
  /** Turns of the slow model that take a tenth of a second or more. */
  const LONG = 30_000;

  it('the server says what it is, and that it is ready', async () => {
    expect((await client.call('ServerLive')).response).toEqual({ live: true });
    expect((await client.call('ServerReady')).response).toEqual({ ready: true });
    const { response } = await client.call('ServerMetadata');
    expect(response).toMatchObject({ name: 'nestor', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(response.extensions).toEqual(expect.arrayContaining(['model_repository', 'statistics']));
  });

  it('a model says what it takes and gives', async () => {
    const { response } = await client.call('ModelMetadata', { name: 'm' });
    expect(response).toEqual({
      name: 'm',
      versions: ['1.0.0', '1.1.0', '2.0.0'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'score', datatype: 'FP32', shape: [-1, 1] }],
      properties: {},
    });
    expect((await client.call('ModelReady', { name: 'm', version: '2.0.0' })).response).toEqual({ ready: true });
    for (const [name, version] of [
      ['broken', ''],
      ['none', ''],
      ['m', '9'],
    ])
      expect((await client.call('ModelReady', { name, version })).response).toEqual({ ready: false });
  });

  it.each([
    ['the default', '', undefined, '1.0.0', 10],
    ['the message', '2.0.0', undefined, '2.0.0', 30],
    ['a label in the message', 'candidate', undefined, '2.0.0', 30],
    ['the metadata', '', '1.1.0', '1.1.0', 20],
    ['a range in the metadata', '', '^1', '1.1.0', 20],
    ['both, which agree', '2.0.0', 'candidate', '2.0.0', 30],
  ])('the version is chosen by %s', async (_, version, header, answered, score) => {
    const metadata: Record<string, string> = header === undefined ? {} : { 'x-model-version': header };
    const reply = await client.infer('m', [row], { model_version: version }, { metadata });
    expect(reply.response).toMatchObject({ model_name: 'm', model_version: answered });
    expect(new Float32Array(new Uint8Array(reply.response.raw_output_contents[0]).buffer)[0]).toBe(score);
    expect(reply.headers).toMatchObject({ 'x-model-name': 'm', 'x-model-version': answered });
  });

  it.each([
    ['an unknown model', 'ModelInfer', { model_name: 'n' }, 5, /^There is no model "n"/],
    ['an unknown version', 'ModelInfer', { model_name: 'm', model_version: '9' }, 5, /^m has no version "9"/],
    ['versions that disagree', 'ModelInfer', { model_name: 'm', model_version: '2.0.0' }, 3, /header for another/],
    ['a broken model', 'ModelInfer', { model_name: 'broken' }, 14, /^No version of broken can serve/],
    ['no model', 'ModelInfer', {}, 5, /^There is no model ""/],
    ['the metadata of an unknown model', 'ModelMetadata', { name: 'n' }, 5, /^There is no model "n"/],
    ['statistics of an unknown model', 'ModelStatistics', { name: 'n' }, 5, /^There is no model "n"/],
    ['a model to load that there is not', 'RepositoryModelLoad', { model_name: 'n' }, 5, /^There is no model "n"/],
    ['half a surrogate pair', 'ModelInfer', { model_name: `${'x'.repeat(63)}😀` }, 5, /^There is no model "x+�"/],
    [
      'a name that no header may hold',
      'ModelInfer',
      { model_name: 'a\r\nb: c\0é' },
      5,
      /^There is no model "a\r\nb: c\0é"/,
    ],
  ])('%s: its status, and why', async (_, method, request, code, details) => {
    const metadata: Record<string, string> = code === 3 ? { 'x-model-version': '1.0.0' } : {};
    const reply = await client.call(method, request, { metadata });
    expect(reply.code).toBe(code);
    expect(reply.details).toMatch(details);
    expect(reply.headers['x-request-id']).toMatch(/^[\w-]{36}$/);
  });

  it('a request id is sent back, and made where none was sent or where it is none', async () => {
    const idOf = async (id?: string) => {
      const { headers } = await client.call(
        'ServerLive',
        {},
        { metadata: id === undefined ? {} : { 'x-request-id': id } },
      );
      return headers['x-request-id'];
    };
    expect(await idOf('abc-1')).toBe('abc-1');
    const made = [await idOf(), await idOf(), await idOf('x'.repeat(129)), await idOf('a b')];
    expect(new Set(made).size).toBe(4);
    for (const id of made) expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('a message that protobuf did not encode is refused', async () => {
    for (const method of ['ModelInfer', 'ModelMetadata']) {
      const path = `/inference.GRPCInferenceService/${method}`;
      const { code, details } = await client.sendBytes(path, Buffer.from([0x0a, 0xff])).reply;
      expect({ code, details }).toEqual({ code: 3, details: expect.stringMatching(/^The message is not/) });
    }
  });

  describe('deadlines and cancellation', () => {
    const counted = async (line: RegExp) => {
      const { text } = await service.get('/metrics');
      return Number(line.exec(text)?.[1] ?? 0);
    };
    const refused = (reason: string) =>
      counted(new RegExp(`^nestor_queue_refused_rows_total{model="slow",version="1",reason="${reason}"} (\\d+)$`, 'm'));
    const runs = () => counted(/^nestor_inference_requests_per_run_count{model="slow",version="1"} (\d+)$/m);
    /** Has the slow model's thread busy until it resolves. */
    const occupy = async () => {
      const before = await runs();
      const busy = client.infer('slow', [countdown(10 * LONG)]);
      await until(async () =>
        (await service.get('/metrics')).text.includes('nestor_queue_rows{model="slow",version="1"} 0'),
      );
      return async () => {
        expect((await busy).code).toBe(0);
        return (await runs()) - before;
      };
    };

    it('rows whose deadline passes in the queue are not run', async () => {
      // A client's own clock may be ahead: it then breaks the call off before the server finds its time up.
      const unrun = async () => (await refused('expired')) + (await refused('abandoned'));
      const before = await unrun();
      const free = await occupy();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => client.infer('slow', [countdown(1)], {}, { deadlineMs: 60 })),
      );
      expect(replies.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => 4));
      expect(await free()).toBe(1);
      await until(async () => (await unrun()) === before + 20);
    });

    it('rows of clients that cancel are not run', async () => {
      const before = await refused('abandoned');
      const free = await occupy();
      const calls = Array.from({ length: 20 }, () =>
        client.start('ModelInfer', {
          model_name: 'slow',
          inputs: [{ name: 'n', datatype: 'INT64', shape: [1, 1] }],
          raw_input_contents: [countdown(1).bytes],
        }),
      );
      await until(async () =>
        (await service.get('/metrics')).text.includes('nestor_queue_rows{model="slow",version="1"} 20'),
      );
      for (const { call } of calls) call.cancel();
      for (const { reply } of calls) expect((await reply).code).toBe(1);
      await until(async () =>
        (await service.get('/metrics')).text.includes('nestor_queue_rows{model="slow",version="1"} 0'),
      );
      expect(await free()).toBe(1);
      expect(await refused('abandoned')).toBe(before + 20);
    });

    it('a deadline that passes while the model runs is told then', async () => {
      const asked = performance.now();
      const reply = await client.infer('slow', [countdown(20 * LONG)], {}, { deadlineMs: 50 });
      expect(reply.code).toBe(4);
      expect(performance.now() - asked).toBeGreaterThan(45);
    });

    it('Triton’s parameter `timeout`, in microseconds, is a deadline, too', async () => {
      const parameters = { timeout: { int64_param: 50_000 } };
      const reply = await client.infer('slow', [countdown(20 * LONG)], { parameters });
      expect(reply.code).toBe(4);
      expect(reply.details).toMatch(/^The time that this request may take was up/);
    });
  });

  describe('limits', () => {
    const floats = (count: number): RawInput => {
      return { name: 'x', datatype: 'FP32', shape: [1, count], bytes: new Uint8Array(4 * count) };
    };

    it('a message of BODY_LIMIT is taken, a larger one is not', async () => {
      expect((await client.infer('echo', [floats(24_900)])).code).toBe(0);
      expect(await client.infer('echo', [floats(25_100)])).toMatchObject({ code: 8 });
    });

    it('a compressed message counts by what it inflates to', async () => {
      const zipping = new GrpcClient(address, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip });
      expect((await zipping.infer('echo', [floats(24_900)])).code).toBe(0);
      expect(await zipping.infer('echo', [floats(250_000)])).toMatchObject({ code: 8 });
      zipping.close();
    });
  });

  it('calls are counted by method and status', async () => {
    const { text } = await service.get('/metrics');
    const service_ = 'service="inference.GRPCInferenceService"';
    expect(text).toMatch(
      new RegExp(`^nestor_grpc_requests_total{method="ModelInfer",${service_},code="OK"} \\d+$`, 'm'),
    );
    expect(text).toMatch(
      new RegExp(`^nestor_grpc_requests_total{method="ModelInfer",${service_},code="DEADLINE_EXCEEDED"} \\d+$`, 'm'),
    );
    expect(text).toMatch(
      new RegExp(`^nestor_grpc_requests_total{method="ModelInfer",${service_},code="CANCELLED"} 20$`, 'm'),
    );
    expect(text).toMatch(
      new RegExp(`^nestor_grpc_request_duration_seconds_count{method="ModelInfer",${service_}} \\d+$`, 'm'),
    );
  });
});
