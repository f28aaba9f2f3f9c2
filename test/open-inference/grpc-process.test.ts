import { createServer } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { GrpcClient, type RawInput, type Reply } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { linearModel } from '../support/onnx.js';
import { ServiceProcess } from '../support/process.js';
import { COUNTDOWN } from '../support/slow-models.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);
const CLIENTS = 50;

/** One question, and whether that is its answer. */
interface Question {
  model: string;
  input: RawInput;
  isAnswer: (reply: Reply) => boolean;
}

let count = 0;

/** A run takes a hundredth of a millisecond. */
function short(): Question {
  const value = ++count % 100_000;
  const input = { name: 'x', datatype: 'FP32', shape: [1, 1], bytes: bytesOf(Float32Array.of(value)) };
  return { model: 'short', input, isAnswer: (reply) => new Float32Array(rawOf(reply))[0] === 2 * value };
}

/** A run takes some milliseconds, on a thread. */
function slow(): Question {
  const turns = 2000 + (++count % 1000);
  const input = { name: 'n', datatype: 'INT64', shape: [1, 1], bytes: bytesOf(BigInt64Array.of(BigInt(turns))) };
  return { model: 'slow', input, isAnswer: (reply) => new BigInt64Array(rawOf(reply))[0] === BigInt(10 * turns) };
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer as ArrayBuffer);
}

function rawOf({ response }: Reply): ArrayBuffer {
  return new Uint8Array(response.raw_output_contents[0] as Buffer).buffer;
}

/** A client that asks without a pause until the server is not there any more. */
async function ask(address: string, question: () => Question, onAnswer: () => void): Promise<string[]> {
  const client = new GrpcClient(address);
  const lost: string[] = [];
  for (;;) {
    const { model, input, isAnswer } = question();
    const reply = await client.infer(model, [input]);
    if (reply.code === 0 && isAnswer(reply)) {
      onAnswer();
      continue;
    }
    // It was not taken: there was nobody to take it.
    if (/^No connection established|ECONNREFUSED/.test(reply.details)) break;
    lost.push(`${reply.code} ${reply.details}`);
    if (reply.code === 14) break;
  }
  client.close();
  return lost;
}

describe('gRPC of the built service', () => {
  let folder: ModelFolder;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'short/1/model.onnx': linearModel([2]),
      'short/model.yaml': 'primary: true\n',
      'slow/1/model.onnx': COUNTDOWN,
    });
  });
  afterAll(() => folder.remove());
  let service: ServiceProcess | undefined;
  afterEach(async () => {
    service?.signal('SIGKILL');
    await service?.exit();
    service = undefined;
  });

  async function start(environment: Record<string, string> = {}): Promise<string> {
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, LOG_REQUESTS: 'off', ...environment });
    const { stdout } = service;
    await service.url().catch(() => stdout);
    await until(() => /Listening on \S+ for gRPC/.test(service?.stdout ?? ''));
    return /Listening on (\S+) for gRPC/.exec(service.stdout)?.[1] ?? '';
  }

  it.each([
    ['short', short, '1'],
    ['short', short, '2'],
    ['slow', slow, '1'],
    ['slow', slow, '2'],
  ])(
    'SIGTERM while 50 clients ask a %s model: each call that is taken is answered (%#)',
    async (_, question, workers) => {
      const address = await start({ WORKERS: workers });
      let answered = 0;
      const clients = Array.from({ length: CLIENTS }, () => ask(address, question, () => answered++));
      await until(() => answered > 5 * CLIENTS);
      await sleep(Math.random() * 50);
      const asked = performance.now();
      expect(await service?.stop()).toBe(0);
      expect(performance.now() - asked).toBeLessThan(15_000);
      expect((await Promise.all(clients)).flat()).toEqual([]);
      expect(service?.stderr).toBe('');
    },
  );

  it('a port that is taken: one clear line, and exit code 1', async () => {
    const taker = createServer().listen(0, '127.0.0.1');
    await once(taker, 'listening');
    const { port } = taker.address() as { port: number };
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, GRPC_PORT: String(port) });
    expect(await service.exit()).toBe(1);
    const line = `127.0.0.1:${String(port)} is taken: stop what listens there, or set GRPC_PORT`;
    expect(service.stderr).toBe(`nestor cannot start: ${line}\n`);
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, GRPC_PORT: String(port), WORKERS: '2' });
    expect(await service.exit()).toBe(1);
    expect(service.stderr).toContain(line);
    taker.close();
  });

  it('connections spread over the workers, whose counts are added up', async () => {
    const address = await start({ WORKERS: '2', LOG_REQUESTS: 'completed' });
    const clients = Array.from({ length: 8 }, () => new GrpcClient(address));
    for (const client of clients) {
      const { model, input } = short();
      for (let i = 0; i < 5; i++) expect((await client.infer(model, [input])).code).toBe(0);
    }
    const workers = new Map<unknown, number>();
    await until(() => service?.log.filter(({ msg }) => msg === 'request_completed').length === 40);
    for (const { msg, worker } of service?.log ?? [])
      if (msg === 'request_completed') workers.set(worker, (workers.get(worker) ?? 0) + 1);
    expect([...workers.values()]).toEqual([20, 20]);
    for (const client of clients) {
      const { response } = await client.call('ModelStatistics', { name: 'short' });
      expect(response.model_stats).toMatchObject([
        { inference_count: 40, inference_stats: { success: { count: 40 } } },
      ]);
    }
    // A change holds in both.
    expect((await clients[0]?.call('RepositoryModelUnload', { model_name: 'slow' }))?.code).toBe(0);
    for (const client of clients)
      expect((await client.call('ModelReady', { name: 'slow' })).response).toEqual({ ready: false });
    for (const client of clients) client.close();
  });

  it('rolling restart: clients move on, nothing is lost, and counts stay', async () => {
    const address = await start({ WORKERS: '2' });
    let isOver = false;
    let answered = 0;
    const lost: string[] = [];
    const clients = Array.from({ length: 10 }, async () => {
      const client = new GrpcClient(address);
      while (!isOver) {
        const { model, input, isAnswer } = short();
        const reply = await client.infer(model, [input]);
        if (reply.code === 0 && isAnswer(reply)) answered++;
        else lost.push(`${reply.code} ${reply.details}`);
      }
      client.close();
    });
    await until(() => answered > 100);
    service?.signal('SIGHUP');
    const deadline = performance.now() + 60_000;
    while (!service?.log.some(({ msg }) => msg === 'restart_done') && performance.now() < deadline) await sleep(50);
    isOver = true;
    await Promise.all(clients);
    expect(lost).toEqual([]);
    const client = new GrpcClient(address);
    const { response } = await client.call('ModelStatistics', { name: 'short' });
    expect(response.model_stats).toMatchObject([{ inference_stats: { success: { count: answered } } }]);
    client.close();
  });

  it('logs the start and the end of each call, probes at debug, and the level of them', async () => {
    const address = await start({ LOG_REQUESTS: 'both', LOG_LEVEL: 'debug' });
    const client = new GrpcClient(address);
    const { model, input } = short();
    const metadata = { 'x-request-id': 'mine' };
    await client.infer(model, [input], {}, { metadata });
    await client.infer('nope', [input], {}, { metadata: { 'x-request-id': 'lost' } });
    await client.call('ServerReady', {}, { metadata: { 'x-request-id': 'probe' } });
    client.close();
    await service?.stop();
    const lines = (id: string) => service?.log.filter(({ request_id }) => request_id === id);
    const url = '/inference.GRPCInferenceService/ModelInfer';
    expect(lines('mine')).toMatchObject([
      { level: 'info', msg: 'request_started', method: 'gRPC', url },
      { level: 'info', msg: 'request_completed', method: 'gRPC', url, grpc_status: 'OK', model: 'short', version: '1' },
    ]);
    expect(lines('mine')?.[1]?.duration).toBeGreaterThan(0);
    expect(lines('lost')?.[1]).toMatchObject({ level: 'info', grpc_status: 'NOT_FOUND' });
    expect(lines('probe')).toMatchObject([{ level: 'debug' }, { level: 'debug', grpc_status: 'OK' }]);
  });

  it('a call that outlasts SHUTDOWN_TIMEOUT_MS is cut off', async () => {
    const address = await start({ SHUTDOWN_TIMEOUT_MS: '300' });
    const client = new GrpcClient(address);
    const turns = bytesOf(BigInt64Array.of(3_000_000n));
    const long = client.infer('slow', [{ name: 'n', datatype: 'INT64', shape: [1, 1], bytes: turns }]);
    await sleep(200);
    const asked = performance.now();
    await service?.stop();
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect((await long).code).not.toBe(0);
    client.close();
  });
});
