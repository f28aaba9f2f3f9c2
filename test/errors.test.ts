import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { ModelFolder } from './support/model-folder.js';
import { onnxModel } from './support/onnx.js';
import { type Answer, Service } from './support/service.js';

const ROW = '{"sepal_length":5.1,"sepal_width":3.5,"petal_length":1.4,"petal_width":0.2}';
const IRIS = '/v1/models/iris/predict';
const JSON_TYPE = { 'Content-Type': 'application/json' };

/** y = log(x): not finite for 0 and below. And a graph whose rows fail at run time: a Reshape that does not fit. */
const LOG = onnxModel({
  inputs: [{ name: 'x', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [{ op: 'Log', inputs: ['x'], outputs: ['y'] }],
});
const GATHER = onnxModel({
  inputs: [{ name: 'i', type: 'int64', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [{ op: 'Gather', inputs: ['table', 'i'], outputs: ['y'] }],
  constants: [{ name: 'table', shape: [3], values: [1, 2, 3] }],
});
const REGRESSION = (feature: string, type: string) =>
  `features: {type: object, required: [${feature}], properties: {${feature}: {type: ${type}, examples: [1]}}}\noutput: {task: regression, scores: y}\n`;

describe('errors', () => {
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'log/1/model.onnx': LOG,
      'log/1/signature.yaml': REGRESSION('x', 'number'),
      'gather/1/model.onnx': GATHER,
      'gather/1/signature.yaml': REGRESSION('i', 'integer'),
    });
    await folder.copyShipped('iris');
    service = await Service.start({ MODELS_DIR: folder.path, BODY_LIMIT: '2kb' });
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  function expectProblem({ status, headers, json }: Answer, wantedStatus: number, code: string) {
    expect({ status, code: json.code as string }).toEqual({ status: wantedStatus, code });
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(json).toMatchObject({
      type: `urn:nestor:problem:${code}`,
      status: wantedStatus,
      request_id: headers.get('x-request-id'),
    });
    expect(json.title).toBeTruthy();
    expect(json.detail).toBeTruthy();
    expect(JSON.stringify(json)).not.toMatch(/node_modules|\.js\b|at \w+ \(|onnxruntime|\/tmp\//);
  }

  it.each([
    ['a text that is not JSON', '{"a": abc}', 'not valid JSON'],
    ['a name without quotes', '{\n a: 1}', 'at line 2, column 2'],
    ['a text that ends early', '{"a": 1', 'ends too early at line 1, column 8'],
    ['nothing', '', 'is empty'],
    ['a bare NaN', '{"sepal_length": NaN}', 'at line 1, column 18: JSON has no NaN'],
    ['a byte order mark', `\uFEFF${ROW}`, 'byte order mark'],
    ['a name twice', '{"sepal_length":1,"sepal_length":2}', 'twice'],
    ['a name twice, once escaped', '{"sepal_length":1,"sepal\\u005flength":2}', 'twice'],
    ['a name twice, deep inside', '{"a":[{"b":1,"b":"\\\\\\""}]}', 'twice'],
    ['deep nesting', '['.repeat(900) + ']'.repeat(900), '64 levels'],
  ])('malformed_json: %s', async (_, body, detail) => {
    const answer = await service.send(IRIS, body);
    expectProblem(answer, 400, 'malformed_json');
    expect(answer.json.detail).toContain(detail);
    expect(answer.json.detail).not.toContain('abc');
  });

  it('malformed_json: bytes that are not UTF-8', async () => {
    const body = new Uint8Array([...Buffer.from('{"a":"'), 0xff, ...Buffer.from('"}')]);
    expectProblem(await service.call('POST', IRIS, { body, headers: JSON_TYPE }), 400, 'malformed_json');
  });

  it.each([
    ['not an object', '[1,2]', ['']],
    ['null', 'null', ['']],
    ['a number as text', ROW.replace('5.1', '"5.1"'), ['/sepal_length']],
    ['a number beyond float32', ROW.replace('5.1', '1e39'), ['/sepal_length']],
    ['a number beyond double', ROW.replace('5.1', '1e999'), ['/sepal_length']],
    ['null where it is not allowed', ROW.replace('5.1', 'null'), ['/sepal_length']],
    ['prototype names', ROW.replace('{', '{"__proto__":{"a":1},"constructor":1,'), ['/__proto__', '/constructor']],
    ['everything missing', '{}', ['/petal_length', '/petal_width', '/sepal_length', '/sepal_width']],
  ])('validation_failed: %s', async (_, body, paths) => {
    const answer = await service.send(IRIS, body);
    expectProblem(answer, 400, 'validation_failed');
    expect((answer.json.errors as { path: string }[]).map(({ path }) => path).sort()).toEqual(paths);
  });

  it.each([
    ['no requests', {}, '/requests', 'is required'],
    ['a near miss', { request: [] }, '/request', 'is not known here; did you mean "requests"?'],
    ['a name too many', { requests: [JSON.parse(ROW)], more: 1 }, '/more', 'is not known here'],
    ['an empty list', { requests: [] }, '/requests', 'must hold at least one row'],
    ['no list', { requests: { 0: {} } }, '/requests', 'must be a list of rows'],
    ['a bare list', [{}], '', 'must be a JSON object: {"requests": [...]}'],
    ['no object', 7, '', 'must be a JSON object'],
  ])('validation_failed: a batch with %s', async (_, body, path, message) => {
    const answer = await service.post('/v1/models/iris/predict/batch', body);
    expectProblem(answer, 400, 'validation_failed');
    expect(answer.json.errors).toContainEqual(expect.objectContaining({ path, message }));
  });

  it('never echoes a value that was sent', async () => {
    const answer = await service.send(IRIS, '{"sepal_length":"Secret Person"}');
    expect(answer.text).not.toContain('Secret');
  });

  it('bounds what it says of a body with thousands of unknown names', async () => {
    const big = await Service.start({ MODELS_DIR: folder.path });
    try {
      const body = JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${String(i)}`, 1])));
      const answer = await big.send(IRIS, body);
      expectProblem(answer, 400, 'validation_failed');
      expect(answer.text.length).toBeLessThan(2000);
    } finally {
      await big.stop();
    }
  });

  it('route_not_found and method_not_allowed', async () => {
    expectProblem(await service.get('/nope'), 404, 'route_not_found');
    expectProblem(await service.post('/v1/models/iris/nope', {}), 404, 'route_not_found');
    const wrong = await service.get(IRIS);
    expectProblem(wrong, 405, 'method_not_allowed');
    expect(wrong.headers.get('allow')).toBe('POST');
    const other = await service.call('DELETE', '/v1/models/iris');
    expectProblem(other, 405, 'method_not_allowed');
    expect(other.headers.get('allow')).toBe('GET, HEAD');
    expectProblem(await service.get('/v1/models/%E0%A4%A'), 404, 'route_not_found');
    expectProblem(await service.get('/docs/LICENSE'), 404, 'route_not_found');
  });

  it('there is no default model among several: 404 that lists them', async () => {
    const answer = await service.send('/predict', ROW);
    expectProblem(answer, 404, 'model_not_found');
    expect(answer.json.detail).toContain('gather, iris, log');
  });

  it('lists the models that serve, and of many the first', async () => {
    const many = await ModelFolder.with({ 'broken/1/model.onnx': 'nothing' });
    for (let i = 10; i < 35; i++) await many.write(`m${i}/1/model.onnx`, LOG);
    const crowded = await Service.start({ MODELS_DIR: many.path, DOCS: 'false' });
    try {
      const unknown = await crowded.post('/v1/models/m999/predict', {});
      expectProblem(unknown, 404, 'model_not_found');
      expect(unknown.json.detail).toMatch(/Served: m10, m11, .*, m29 and 5 more\.$/);
      expect((await crowded.post('/predict', {})).json.detail).toContain('m29 and 5 more');
      expect(unknown.json.detail).not.toContain('broken');
      expect((await crowded.get('/nope')).text).not.toContain('/docs');
    } finally {
      await crowded.stop();
      await many.remove();
    }
  });

  it.each([
    ['text/plain', ROW],
    ['application/x-www-form-urlencoded', ROW],
    ['application/json; charset=latin1', ROW],
  ])('unsupported_media_type: %s', async (type, body) => {
    expectProblem(
      await service.call('POST', IRIS, { body, headers: { 'Content-Type': type } }),
      415,
      'unsupported_media_type',
    );
  });

  it('unsupported_media_type: an unknown compression', async () => {
    const headers = { ...JSON_TYPE, 'Content-Encoding': 'compress' };
    expectProblem(await service.call('POST', IRIS, { body: ROW, headers }), 415, 'unsupported_media_type');
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('inflates %s, and refuses what inflates past the limit or not at all', async (encoding, compress) => {
    const headers = { ...JSON_TYPE, 'Content-Encoding': encoding };
    const send = (bytes: Buffer) => service.call('POST', IRIS, { body: new Uint8Array(bytes), headers });
    const many = await Promise.all(Array.from({ length: 20 }, () => send(compress(ROW)))); // a few at a time
    expect(new Set(many.map(({ status }) => status))).toEqual(new Set([200]));
    expectProblem(await send(compress(`"${'a'.repeat(1_000_000)}"`)), 413, 'payload_too_large');
    expectProblem(await send(Buffer.from('not compressed at all')), 400, 'malformed_json');
  });

  it('payload_too_large: the client sees the answer, however much it sends', async () => {
    expectProblem(await service.send(IRIS, ' '.repeat(8_000_000)), 413, 'payload_too_large');
    const chunked = connect(Number(new URL(service.url).port), '127.0.0.1');
    chunked.write(
      `POST ${IRIS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    for (let i = 0; i < 64; i++) chunked.write(`1000\r\n${' '.repeat(4096)}\r\n`);
    chunked.write('0\r\n\r\n');
    const [data] = (await once(chunked, 'data')) as [Buffer];
    chunked.destroy();
    expect(data.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('overloaded: bodies that are sent in part take no more memory together than they may', async () => {
    const small = await Service.start({ MODELS_DIR: folder.path, BODY_LIMIT: '1mb', BODIES_LIMIT: '1mb' });
    const large = ROW.replace('{', `{${' '.repeat(400_000)}`);
    const senders: Socket[] = [];
    try {
      for (let i = 0; i < 8; i++) {
        const sender = connect(Number(new URL(small.url).port), '127.0.0.1').on('error', () => undefined);
        senders.push(sender);
        sender.write(
          `POST ${IRIS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${large.length}\r\n\r\n`,
        );
        sender.write(large.slice(0, -1));
      }
      const answers: string[] = [];
      for (const sender of senders) sender.once('data', (data) => answers.push(String(data)));
      while (answers.length < 6) await new Promise((resolve) => setTimeout(resolve, 20)); // two find room
      for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*"overloaded"/);
      expectProblem(await small.send(IRIS, large), 503, 'overloaded');
      expect((await small.send(IRIS, ROW)).status).toBe(200); // what comes in one piece needs no room
      const left = senders.map((sender) => once(sender, 'close'));
      for (const sender of senders) sender.destroy();
      await Promise.all(left);
      while ((await small.send(IRIS, large)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
      const both = await Promise.all([small.send(IRIS, large), small.send(IRIS, large)]);
      expect(both.map(({ status }) => status)).toContain(200); // and what was refused or read gives its room back
      expect((await small.send(IRIS, large)).status).toBe(200);
    } finally {
      for (const sender of senders) sender.destroy();
      await small.stop();
    }
  });

  it('payload_too_large: a body of more names than can be parsed in passing', async () => {
    const big = await Service.start({ MODELS_DIR: folder.path });
    try {
      const names = Array.from({ length: 150_000 }, (_, i) => `"k${String(i)}":1`);
      expectProblem(await big.send(IRIS, `{${names.join(',')}}`), 413, 'payload_too_large');
    } finally {
      await big.stop();
    }
  });

  /** What a server says to bytes that are no request. */
  async function saidTo(bytes: string): Promise<{ head: string; json: Record<string, unknown> }> {
    const client = connect(Number(new URL(service.url).port), '127.0.0.1');
    let said = '';
    client.on('data', (data) => (said += String(data)));
    client.write(bytes);
    await once(client, 'close');
    const [head = '', body = ''] = said.split('\r\n\r\n');
    return { head, json: JSON.parse(body) as Record<string, unknown> };
  }

  it.each([
    ['a line that is no request', 'hello\r\n\r\n', 400, 'malformed_request'],
    [
      'two lengths',
      `POST ${IRIS} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
      'malformed_request',
    ],
    [
      'a chunk that has no length',
      `POST ${IRIS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`,
      400,
      'malformed_request',
    ],
    ['headers of 20 KB', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ])('%s: problem+json, and the connection is closed', async (_, bytes, status, code) => {
    const { head, json } = await saidTo(bytes);
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
    expect(head).toContain('Content-Type: application/problem+json; charset=utf-8\r\n');
    expect(head).toContain(`X-Request-Id: ${String(json.request_id)}\r\n`);
    expect(head).toMatch(/Connection: close$/);
    expect(json).toMatchObject({ status, code, type: `urn:nestor:problem:${code}` });
    expect((await service.send(IRIS, ROW)).status).toBe(200);
  });

  it('request_timeout, and silence towards a client that is gone', async () => {
    const server = service.app.getHttpServer();
    const late = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    server.once('connection', (socket: Socket) => server.emit('clientError', late, socket));
    const { head, json } = await saidTo('POST /predict HTTP/1.1\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 408 /);
    expect(json).toMatchObject({ status: 408, code: 'request_timeout' });
    const gone = new Promise<Socket>((resolve) => server.once('connection', resolve));
    connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => undefined);
    const socket = await gone;
    socket.on('error', () => undefined).destroy();
    socket.end = () => {
      throw new Error('it writes to a client that is gone');
    };
    server.emit('clientError', late, socket);
    server.emit('clientError', Object.assign(new Error(), { code: 'ECONNRESET' }), socket);
    expect((await service.send(IRIS, ROW)).status).toBe(200);
  });

  it('non_finite_output', async () => {
    expect((await service.post('/v1/models/log/predict', { x: 1 })).json.prediction).toBe(0);
    expectProblem(await service.post('/v1/models/log/predict', { x: 0 }), 500, 'non_finite_output');
    const batch = await service.post('/v1/models/log/predict/batch', { requests: [{ x: 1 }, { x: -1 }] });
    expectProblem(batch, 500, 'non_finite_output');
    expect(batch.json.errors).toEqual([{ path: '/requests/1', message: 'has no finite answer', code: 'non_finite' }]);
    expect(batch.headers.get('x-model-name')).toBe('log');
  });

  it('inference_failed', async () => {
    expect((await service.post('/v1/models/gather/predict', { i: 2 })).json.prediction).toBe(3);
    expectProblem(await service.post('/v1/models/gather/predict', { i: 7 }), 500, 'inference_failed');
  });
});
