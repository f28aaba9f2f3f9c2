import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type OpenAPIObject } from '@nestjs/swagger';
import { identityModel } from '../support/onnx.js';
import { ModelFolder } from '../support/model-folder.js';
import { Service } from '../support/service.js';
import { Client, readAnswer } from './client.js';

const FEATURES = [35, 75000, 720, 8, 1, 0, 0, 0, 0.2];
const INPUT = { name: 'features', shape: [1, 9], datatype: 'FP32', data: FEATURES };
const CREDIT = 'credit-risk/versions/1.0.0';

describe('the Open Inference Protocol over HTTP', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: Client;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'echo/1/model.onnx': identityModel(
        { name: 'x', shape: ['N', 1024] },
        { name: 'ids', type: 'int64', shape: ['N'] },
        { name: 'text', type: 'string', shape: ['N'] },
      ),
      'one/1/model.onnx': identityModel({ name: 'x', shape: ['N', 'width'] }),
      'flat/1/model.onnx': identityModel({ name: 'x', shape: ['N', 1024] }),
      'word/1/model.onnx': identityModel({ name: 'x', type: 'string', shape: ['N', 1] }),
    });
    await folder.copyShipped('credit-risk');
    service = await Service.start({ MODELS_DIR: folder.path, QUEUE_LIMIT: '100000' });
    client = new Client(service);
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  it('answers as /predict does, and says who answered', async () => {
    const { status, headers, json } = await client.infer(CREDIT, { inputs: [INPUT] }, { 'X-Request-Id': 'mine' });
    expect(status).toBe(200);
    expect(json).toEqual({
      model_name: 'credit-risk',
      model_version: '1.0.0',
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [1], data: [1] },
        { name: 'probabilities', datatype: 'FP32', shape: [1, 2], data: [0.090129375, 0.9098706] },
      ],
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'application/json',
      'x-request-id': 'mine',
      'x-model-name': 'credit-risk',
      'x-model-version': '1.0.0',
      'server-timing': expect.stringMatching(/^queue;dur=\d+\.\d{3}, run;dur=\d+\.\d{3}$/) as unknown,
    });
  });

  it.each(['', 'a-1', 'Ω🎉', 'a"b\\c\nd', '\ud800'])('gives the id %j back, in the body alone', async (id) => {
    const { status, headers, json } = await client.infer(CREDIT, { id, inputs: [INPUT] });
    expect([status, json.id]).toEqual([200, id]);
    expect(headers.get('x-request-id')).not.toBe(id);
  });

  it('gives the outputs that are asked for, in their order', async () => {
    const names = async (outputs: unknown) => {
      const answer = await client.infer(CREDIT, { inputs: [INPUT], outputs });
      return answer.outputs.map(({ name }) => name);
    };
    expect(await names([{ name: 'probabilities' }, { name: 'label' }])).toEqual(['probabilities', 'label']);
    expect(await names([{ name: 'label' }])).toEqual(['label']);
    expect(await names([])).toEqual(['label', 'probabilities']);
  });

  it('passes over null for what is left out, what it does not know, and other parameters', async () => {
    const parameters = { content_type: 'np', priority: 0, sequence_id: 7, nested: { a: 1 } };
    const input = { ...INPUT, parameters: { ...parameters, binary_data_size: null } };
    const { status } = await client.infer(CREDIT, {
      id: null,
      model_name: 'other',
      inputs: [input],
      outputs: null,
      parameters: { ...parameters, timeout: 0, binary_data_output: null },
    });
    expect(status).toBe(200);
    expect((await client.infer(CREDIT, { inputs: [{ ...INPUT, parameters: null }], parameters: null })).status).toBe(
      200,
    );
  });

  it.each([undefined, 'application/octet-stream', 'application/vnd.api+json', 'application/json; charset=utf-8'])(
    'takes JSON as %s',
    async (type) => {
      const body = Buffer.from(JSON.stringify({ inputs: [INPUT] }));
      expect((await client.send(CREDIT, body, type === undefined ? {} : { 'Content-Type': type })).status).toBe(200);
    },
  );

  it('takes a route as it stands, and in any other form', async () => {
    const body = JSON.stringify({ inputs: [INPUT] });
    for (const path of [
      '/v2/models/credit-risk/infer?a=1',
      '/V2/models/credit-risk/infer',
      '/v2/models/credit%2Drisk/infer/',
    ])
      expect((await service.send(path, body)).status).toBe(200);
  });

  describe('binary data', () => {
    const x = new Float32Array(2048).map((_, index) => Math.sin(index));
    const ids = BigInt64Array.of(-1n, 2n ** 60n);
    const texts = Buffer.from('\x02\0\0\0hi\0\0\0\0', 'latin1');
    const tensor = (name: string, shape: number[], datatype: string, bytes: ArrayBufferView) => ({
      name,
      shape,
      datatype,
      parameters: { binary_data_size: bytes.byteLength },
    });
    const inputs = [tensor('x', [2, 1024], 'FP32', x), tensor('ids', [2], 'INT64', ids), tensor('text', [2], 'BYTES', texts)]; // prettier-ignore
    const parts = [Buffer.from(x.buffer), Buffer.from(ids.buffer), texts];

    it('in JSON order, whatever the order of the inputs and their place in memory', async () => {
      for (const id of ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef', 'abcdefg']) {
        const reversed = { id, inputs: inputs.toReversed(), parameters: { binary_data_output: true } };
        const { headers, outputs } = await client.inferBinary('echo', reversed, parts.toReversed());
        expect(headers.get('content-type')).toBe('application/octet-stream');
        expect(outputs.map(({ name, bytes }) => [name, bytes])).toEqual([
          ['x_out', parts[0]],
          ['ids_out', parts[1]],
          ['text_out', parts[2]],
        ]);
      }
    });

    it('mixed with JSON, in and out', async () => {
      const mixed = [inputs[0], { name: 'ids', shape: [2], datatype: 'INT64', data: [1, 2] }, inputs[2]] as object[];
      const outputs = [{ name: 'ids_out', parameters: { binary_data: true } }, { name: 'text_out' }];
      const answer = await client.inferBinary('echo', { inputs: mixed, outputs }, [parts[0], parts[2]] as Buffer[]);
      expect(answer.outputs).toEqual([
        { name: 'ids_out', shape: [2], datatype: 'INT64', bytes: Buffer.from(BigInt64Array.of(1n, 2n).buffer) },
        { name: 'text_out', shape: [2], datatype: 'BYTES', data: ['hi', ''] },
      ]);
      const all = { inputs: mixed, outputs: outputs.toReversed(), parameters: { binary_data_output: true } };
      const other = await client.inferBinary('echo', all, [parts[0], parts[2]] as Buffer[]);
      expect(other.outputs.map(({ bytes }) => bytes?.length)).toEqual([texts.length, 16]);
    });

    it('raw: the only input, whose shape the model and the number of bytes tell', async () => {
      const raw = { 'Inference-Header-Content-Length': '0' };
      const one = await client.send('one', parts[0] as Buffer, raw);
      expect(one.outputs).toEqual([{ name: 'x_out', shape: [1, 2048], datatype: 'FP32', bytes: parts[0] }]);
      const word = await client.send('word', Buffer.from('Ω'), raw);
      const bytes = Buffer.from([2, 0, 0, 0, 0xce, 0xa9]);
      expect(word.outputs).toEqual([{ name: 'x_out', shape: [1, 1], datatype: 'BYTES', bytes }]);
      const credit = await client.send(CREDIT, Buffer.from(Float32Array.from([...FEATURES, ...FEATURES]).buffer), raw);
      expect(credit.outputs[1]).toMatchObject({ name: 'probabilities', shape: [2, 2] });
      expect((await client.send('one', Buffer.alloc(0), raw)).outputs[0]?.shape).toEqual([1, 0]);
    });

    it.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ])('compressed as %s', async (encoding, compress) => {
      const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
      const body = compress(Buffer.concat([json, ...parts]));
      const headers = { 'Content-Encoding': encoding, 'Inference-Header-Content-Length': String(json.length) };
      const { outputs } = await client.send('echo', body, headers);
      expect(outputs.map(({ bytes }) => bytes)).toEqual(parts);
    });

    it('in pieces as small as they may come', async () => {
      const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
      const body = Buffer.concat([json, ...parts]);
      const sent = request(`${service.url}/v2/models/echo/infer`, {
        method: 'POST',
        headers: { 'Inference-Header-Content-Length': json.length },
      });
      for (let at = 0; at < body.length; at += 97) sent.write(body.subarray(at, at + 97));
      const answered = new Promise<Buffer>((resolve, reject) => {
        sent.on('response', (response) => {
          buffer(response).then((answer) => {
            const length = Number(response.headers['inference-header-content-length']);
            resolve(answer.subarray(length));
          }, reject);
        });
        sent.on('error', reject);
      });
      sent.end();
      expect((await answered).equals(Buffer.concat(parts))).toBe(true);
    });
  });

  describe('large tensors', () => {
    const rows = 2048; // more than the sockets' own buffers hold
    const x = new Float32Array(rows * 1024).map((_, index) => index % 8191);
    const bytes = Buffer.from(x.buffer);
    const json = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'x', shape: [rows, 1024], datatype: 'FP32', parameters: { binary_data_size: bytes.length } }],
        parameters: { binary_data_output: true },
      }),
    );
    const head = `POST /v2/models/flat/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: ${json.length}\r\nContent-Length: ${json.length + bytes.length}\r\n\r\n`;
    const open = () => connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => undefined);

    it('are whole for those who read slowly, and two on one connection, though their memory is given back', async () => {
      const socket = open();
      for (let i = 0; i < 2; i++) {
        socket.write(head);
        socket.write(json);
        socket.write(bytes);
      }
      const received: Buffer[] = [];
      const wanted = 2 * bytes.length;
      let length = 0;
      while (length <= wanted) {
        socket.pause();
        await new Promise((resolve) => setTimeout(resolve, 2));
        const piece = (socket.read(100_000) ?? socket.read()) as Buffer | null;
        if (!piece) continue;
        received.push(piece);
        length += piece.length;
      }
      socket.destroy();
      const all = Buffer.concat(received);
      for (let i = 0, at = 0; i < 2; i++) {
        const body = all.indexOf('\r\n\r\n', at) + 4;
        const jsonLength = Number(/Inference-Header-Content-Length: (\d+)/.exec(all.toString('latin1', at, body))?.[1]);
        at = body + jsonLength + bytes.length;
        expect(all.subarray(at - bytes.length, at).equals(bytes)).toBe(true);
      }
    });

    it('of clients that leave half-way do no harm to others', async () => {
      const leaving = Array.from({ length: 12 }, (_, i) => {
        const socket = open();
        socket.write(head);
        socket.write(json);
        socket.write(i % 2 === 0 ? bytes : bytes.subarray(0, 1_000_000));
        setTimeout(() => socket.destroy(), 5 * i);
        return once(socket, 'close');
      });
      const headers = { 'Inference-Header-Content-Length': String(json.length) };
      const stay = Array.from({ length: 4 }, () => client.send('flat', Buffer.concat([json, bytes]), headers));
      for (const { outputs } of await Promise.all(stay)) expect(outputs[0]?.bytes?.equals(bytes)).toBe(true);
      await Promise.all(leaving);
      expect((await client.infer(CREDIT, { inputs: [INPUT] })).status).toBe(200);
    });
  });

  describe('compressed answers', () => {
    const zeros = { name: 'x', shape: [8, 1024], datatype: 'FP32', data: Array<number>(8 * 1024).fill(0) };
    const noise = { ...zeros, data: zeros.data.map(() => Math.random()) };

    /** The answer as it is on the wire. */
    async function ask(accepted: string | undefined, x: object, isBinary = false) {
      const body = JSON.stringify({ inputs: [x], parameters: { binary_data_output: isBinary } });
      const headers = {
        'Content-Type': 'application/json',
        ...(accepted !== undefined && { 'Accept-Encoding': accepted }),
      };
      const sent = request(`${service.url}/v2/models/one/infer`, { method: 'POST', headers });
      sent.end(body);
      const [response, bytes] = await new Promise<[Headers, Buffer]>((resolve, reject) => {
        sent.on('response', (message) => {
          buffer(message).then((all) => {
            resolve([new Headers(message.headers as Record<string, string>), all]);
          }, reject);
        });
        sent.on('error', reject);
      });
      const encoding = response.get('content-encoding');
      const plain = encoding === 'gzip' ? gunzipSync(bytes) : encoding === 'deflate' ? inflateSync(bytes) : bytes;
      return { encoding, length: bytes.length, answer: readAnswer(200, response, plain) };
    }

    it.each([
      ['gzip', 'gzip'],
      ['deflate', 'deflate'],
      ['deflate, gzip', 'gzip'],
      ['gzip;q=0.5, deflate;q=0.9', 'deflate'],
      ['*', 'gzip'],
      ['br, gzip;q=0', null],
      ['identity', null],
      ['gzip;q=x', null],
      [undefined, null],
    ])('%s', async (accepted, wanted) => {
      for (const isBinary of [false, true]) {
        const { encoding, answer, length } = await ask(accepted, zeros, isBinary);
        expect(encoding).toBe(wanted);
        expect(length < 2000).toBe(wanted !== null);
        expect(answer.outputs[0]?.shape).toEqual([8, 1024]);
      }
    });

    it('only where it pays: not a small one, and not noise', async () => {
      expect((await ask('gzip', { ...zeros, shape: [1, 8], data: Array(8).fill(0) })).encoding).toBeNull();
      const { encoding, length, answer } = await ask('gzip', noise, true);
      expect([encoding, length > 32_768, answer.outputs[0]?.bytes?.length]).toEqual([null, true, 32_768]);
    });
  });

  it('is counted with the predictions, by its own routes', async () => {
    const { text } = await service.get('/metrics');
    expect(text).toMatch(/nestor_http_requests_total\{method="POST",route="\/v2\/models\/:model\/versions\/:version\/infer",status="200"\} \d/); // prettier-ignore
    expect(text).toMatch(/nestor_inference_rows_total\{model="credit-risk",version="1.0.0"\} \d/);
  });

  it('is in the OpenAPI document', async () => {
    const { paths, components } = (await service.get('/openapi.json')).json as OpenAPIObject;
    const infer = paths['/v2/models/{model}/versions/{version}/infer']?.post;
    expect(Object.keys(infer?.responses ?? {}).sort()).toEqual(['200', '400', '404', '408', '413', '415', '431', '500', '501', '503', '504']); // prettier-ignore
    expect(JSON.stringify(infer?.requestBody)).toContain('InferRequestDto');
    expect(components?.schemas?.InferRequestDto).toMatchObject({ required: ['inputs'] });
    for (const path of [
      '',
      '/health/live',
      '/health/ready',
      '/models/{model}',
      '/models/{model}/versions/{version}/ready',
    ])
      expect(paths[`/v2${path}`]?.get?.responses['200']).toBeDefined();
  });
});
