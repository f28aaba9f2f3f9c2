import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadProtocols, serviceOf } from '../../src/grpc/protocols.js';
import { INFERENCE_SERVICE } from '../../src/grpc/services.js';
import { GrpcClient } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { identityModel } from '../support/onnx.js';
import { Service } from '../support/service.js';
import { until } from '../support/until.js';

const MEGABYTE = 1024 ** 2;
const BODY_LIMIT = MEGABYTE;
const BODIES_LIMIT = 4 * MEGABYTE;
const INFER = '/inference.GRPCInferenceService/ModelInfer';
const TOO_LARGE = 'The message is too large, or in too many pieces.';
/** A ModelInferRequest for one row of `echo`. */
const ECHO = serviceOf(loadProtocols(), INFERENCE_SERVICE).ModelInfer?.requestSerialize({
  model_name: 'echo',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1] }],
  raw_input_contents: [Buffer.alloc(4)],
}) as Buffer;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** An empty SETTINGS frame. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

describe('hostile clients of the port for gRPC', () => {
  let folder: ModelFolder;
  let service: Service;
  let address: string;
  const sessions: ClientHttp2Session[] = [];
  beforeAll(async () => {
    folder = await ModelFolder.with({ 'echo/1/model.onnx': identityModel({ name: 'x', shape: ['N', 'M'] }) });
    service = await Service.start({
      MODELS_DIR: folder.path,
      BODY_LIMIT: String(BODY_LIMIT),
      BODIES_LIMIT: String(BODIES_LIMIT),
      RECEIVE_TIMEOUT_MS: '1500',
    });
    address = await service.openGrpc();
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  /** Whatever happened before: others are served. */
  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    const client = new GrpcClient(address);
    const bytes = new Uint8Array(4 * 30_000);
    const reply = await client.infer('echo', [{ name: 'x', datatype: 'FP32', shape: [1, 30_000], bytes }]);
    expect(reply.code).toBe(0);
    client.close();
  });

  function session(): ClientHttp2Session {
    const made = connectHttp2(`http://${address}`);
    made.on('error', () => undefined);
    sessions.push(made);
    return made;
  }

  /** Begins a call, and sends nothing of its message. */
  function begin(on: ClientHttp2Session, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = on.request({
      ':method': 'POST',
      ':path': INFER,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => undefined);
    return stream;
  }

  /** What comes back, in the headers or the trailers. */
  async function answerOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
    let answer: Record<string, unknown> = {};
    stream.on('response', (headers: Record<string, unknown>) => (answer = { ...answer, ...headers }));
    stream.on('trailers', (headers: Record<string, unknown>) => (answer = { ...answer, ...headers }));
    stream.resume();
    if (!stream.destroyed) await once(stream, 'close');
    return answer;
  }

  function framed(message: Uint8Array): Buffer {
    return Buffer.concat([head(message.length), message]);
  }

  /** The beginning of a message of so many bytes. */
  function head(bytes: number): Buffer {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes, 1);
    return prefix;
  }

  it.each([
    ['of the service', '/inference.GRPCInferenceService/ModelStreamInfer'],
    ['of another service', '/grpc.health.v1.Health/Nope'],
    ['of no service', '/nope'],
    ['with letters beyond ASCII', '/inférence/é'],
    ['with a line break, as far as it goes', '/a%0d%0ab'],
    ['of a kilobyte', `/${'x'.repeat(1000)}/y`],
    ['that objects inherit', '/__proto__/constructor'],
  ])('a method that there is not, %s: UNIMPLEMENTED, and counted', async (_, path) => {
    const before = await unmatched();
    const stream = begin(session(), { ':path': path });
    stream.end(head(0));
    const answer = await answerOf(stream);
    expect(answer['grpc-status'] ?? answer[':status'] ?? stream.rstCode).toBe('12');
    await until(async () => (await unmatched()) === before + 1);
  });

  it.each([
    ['in a text that is longer than the message', Buffer.concat([ECHO, Buffer.from([0x1a, 100, 97])])],
    ['in a text of 4 GB', Buffer.concat([ECHO, Buffer.from('1affffffff0f', 'hex')])],
    ['inside of the model’s name', ECHO.subarray(0, 4)],
    ['with a field that no message has', Buffer.concat([ECHO, Buffer.from([0, 0])])],
  ])('a message that ends %s: INVALID_ARGUMENT', async (_, message) => {
    const client = new GrpcClient(address);
    expect(await client.sendBytes(INFER, message).reply).toMatchObject({ code: 3 });
    client.close();
  });

  it('calls broken off by the thousand do not end those beside them', async () => {
    const client = new GrpcClient(address);
    const bytes = new Uint8Array(4);
    for (let round = 0; round < 30; round++) {
      const broken = Array.from({ length: 100 }, () => client.start('ModelInfer', { model_name: 'echo' }));
      const beside = client.infer('echo', [{ name: 'x', datatype: 'FP32', shape: [1, 1], bytes }]);
      await new Promise(setImmediate);
      for (const { call } of broken) call.cancel();
      expect((await beside).code).toBe(0);
    }
    client.close();
  });

  it('connections beyond MAX_CONNECTIONS are closed at once', async () => {
    const small = await Service.start({ MODELS_DIR: folder.path, MAX_CONNECTIONS: '5' });
    const [host, port] = (await small.openGrpc()).split(':');
    const sockets = Array.from({ length: 12 }, () =>
      connect(Number(port), host)
        .on('error', () => undefined)
        .resume(),
    );
    await until(() => sockets.filter(({ closed }) => closed).length === 7);
    for (const socket of sockets) socket.destroy();
    await small.stop();
  });

  async function unmatched(): Promise<number> {
    const { text } = await service.get('/metrics');
    const line = /^nestor_grpc_requests_total{method="unmatched",service="unmatched",code="UNIMPLEMENTED"} (\d+)$/m;
    return Number(line.exec(text)?.[1] ?? 0);
  }

  it('HTTP/2 that is no gRPC: 415', async () => {
    const stream = begin(session(), { 'content-type': 'application/json' });
    stream.end('{}');
    expect(await answerOf(stream)).toMatchObject({ ':status': 415 });
  });

  it.each([
    ['HTTP/1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['TLS', Buffer.from('16030100f8010000f40303', 'hex')],
    ['nothing but zeros', Buffer.alloc(10_000)],
    ['HTTP/2’s first words, and no more sense', Buffer.concat([PREFACE, Buffer.alloc(1000, 0xff)])],
  ])('%s: the connection is closed', async (_, bytes) => {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(bytes);
    await once(socket, 'close');
  });

  it('frames of any kind and content', async () => {
    const frame = fc
      .record({ type: fc.nat(12), flags: fc.nat(255), stream: fc.nat(6), body: fc.uint8Array({ maxLength: 40 }) })
      .map(({ type, flags, stream, body }) =>
        Buffer.concat([Buffer.from([0, 0, body.length, type, flags, 0, 0, 0, stream]), body]),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 8 }), async (frames) => {
        const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
        socket.on('error', () => undefined);
        socket.resume();
        socket.write(Buffer.concat([PREFACE, SETTINGS, ...frames]));
        socket.end();
        await once(socket, 'close');
      }),
      { numRuns: 300 },
    );
  });

  it('a message in single bytes is given up long before its end', async () => {
    const stream = begin(session());
    stream.write(head(BODY_LIMIT));
    const answered = answerOf(stream);
    let sent = 0;
    // Two writes of one turn would be sent as one piece.
    for (; !stream.destroyed && sent < BODY_LIMIT; sent++) {
      stream.write('x');
      await new Promise(setImmediate);
    }
    expect(await answered).toMatchObject({ 'grpc-status': '8', 'grpc-message': TOO_LARGE });
    expect(sent).toBeLessThan(BODY_LIMIT / 50);
  });

  it('many large messages that never end: BODIES_LIMIT holds, and the rest are taken', async () => {
    const streams = Array.from({ length: 12 }, () => {
      const stream = begin(session());
      stream.write(head(BODY_LIMIT));
      stream.write(Buffer.alloc(0.8 * MEGABYTE));
      return stream;
    });
    const answers = streams.map(answerOf);
    await until(() => streams.filter((stream) => stream.destroyed).length >= 7);
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    const statuses = (await Promise.all(answers)).map((answer) => answer['grpc-status']);
    expect(statuses.filter((status) => status === '8').length).toBeGreaterThanOrEqual(7);
    expect(statuses.filter((status) => status === undefined).length).toBeGreaterThanOrEqual(3);
  });

  it('a message that does not come whole within RECEIVE_TIMEOUT_MS: DEADLINE_EXCEEDED', async () => {
    const stream = begin(session());
    stream.write(head(10));
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': '4' });
  });

  it('two messages where there must be one, and none', async () => {
    const [two, none] = [begin(session()), begin(session())];
    two.end(Buffer.concat([head(0), head(0)]));
    none.end();
    expect(await answerOf(two)).toMatchObject({ 'grpc-status': '12' });
    expect(await answerOf(none)).toMatchObject({ 'grpc-status': '12' });
  });

  it.each([
    ['nonsense', 'nonsense', '13'],
    ['a number without a unit', '1', '13'],
    ['nothing', '0n', '4'],
    ['a month', '600H', '0'],
    ['three centuries', '2562047H', '0'],
    ['more than the library can count', '99999999H', '0'],
    ['two centuries of minutes', '99999999M', '0'],
    ['three years of seconds', '99999999S', '0'],
    ['a day', '86400000m', '0'],
  ])('a time-out of %s', async (_, timeout, status) => {
    const stream = begin(session(), { 'grpc-timeout': timeout });
    stream.end(framed(ECHO));
    expect(await answerOf(stream)).toMatchObject({ 'grpc-status': status });
  });

  it('calls that are reset as soon as they are made', async () => {
    const on = session();
    for (let i = 0; i < 500; i++) begin(on).close(constants.NGHTTP2_CANCEL);
    await sleep(100);
  });

  it('connections on which nothing is sent do not keep the service from its end', async () => {
    const other = await Service.start({ MODELS_DIR: folder.path });
    const [, port] = (await other.openGrpc()).split(':');
    const silent = Array.from({ length: 20 }, () => connect(Number(port), '127.0.0.1').resume());
    const ends = silent.map(
      (socket) => new Promise((resolve) => socket.on('error', () => undefined).once('close', resolve)),
    );
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    await other.stop();
    await Promise.all(ends);
  });
});
