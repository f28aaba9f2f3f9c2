import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { identityModel, onnxModel } from '../support/onnx.js';
import { ModelFolder } from '../support/model-folder.js';
import { Service } from '../support/service.js';
import { Client, type Inferred } from './client.js';

/** y = log(x). */
const LOG = onnxModel({
  inputs: [{ name: 'x', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [{ op: 'Log', inputs: ['x'], outputs: ['y'] }],
});
/** y = table[i]: fails where there is no such entry. */
const GATHER = onnxModel({
  inputs: [{ name: 'i', type: 'int64', shape: ['N', 1] }],
  outputs: [{ name: 'y', shape: ['N', 1] }],
  nodes: [{ op: 'Gather', inputs: ['table', 'i'], outputs: ['y'] }],
  constants: [{ name: 'table', shape: [3], values: [1, 2, 3] }],
});

describe('errors of the Open Inference Protocol', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: Client;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'log/1/model.onnx': LOG,
      'gather/1/model.onnx': GATHER,
      'broken/1/model.onnx': 'nothing',
      'types/1/model.onnx': identityModel(
        { name: 'float', shape: ['N', 2] },
        { name: 'half', type: 'float16', shape: ['N'] },
        { name: 'double', type: 'float64', shape: ['N'] },
        { name: 'byte', type: 'int8', shape: ['N'] },
        { name: 'long', type: 'int64', shape: ['N'] },
        { name: 'count', type: 'uint64', shape: ['N'] },
        { name: 'flag', type: 'bool', shape: ['N'] },
        { name: 'text', type: 'string', shape: ['N'] },
      ),
    });
    service = await Service.start({ MODELS_DIR: folder.path, BODY_LIMIT: '64kb' });
    client = new Client(service);
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  function expectError({ status, headers, json }: Inferred, wanted: number, message: RegExp | string) {
    expect({ status, json }).toEqual({ status: wanted, json: { error: expect.any(String) as unknown } });
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('x-request-id')).toBeTruthy();
    expect(json.error).toMatch(message);
    expect(json.error).not.toMatch(/node_modules|\.js\b|at \w+ \(|onnxruntime|\/tmp\/|Secret/);
  }

  const X = { name: 'x', shape: [1, 1], datatype: 'FP32', data: [1] };
  const log = (change: object, more: object = {}) => client.infer('log', { inputs: [{ ...X, ...change }], ...more });

  it.each([
    ['no object', '[1]', 'must be a JSON object'],
    ['nothing', '', 'is empty'],
    ['no JSON', '{"inputs": Secret}', 'not valid JSON at line 1, column 12'],
    ['NaN', '{"inputs":[{"data":[NaN]}]}', 'JSON has no NaN'],
    ['a name twice', '{"inputs":[],"inputs":[]}', 'twice'],
    ['100,000 brackets', '['.repeat(30_000), 'ends too early'],
    ['brackets that close', `${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'more than 64 levels'],
    ['no inputs', '{}', 'Inputs must be a list'],
    ['inputs that are no list', '{"inputs":{}}', 'Inputs must be a list'],
    ['an input that is none', '{"inputs":[7]}', /^Inputs\[0\] must be a JSON object/],
    ['a number as id', '{"id":7,"inputs":[]}', 'Id must be a text'],
    ['outputs that are no list', '{"inputs":[],"outputs":7}', 'Outputs must be a list'],
    ['an output without a name', '{"inputs":[],"outputs":[{}]}', /^Outputs\[0\] must be an object with a name/],
    ['parameters that are no object', '{"inputs":[],"parameters":[]}', 'must be an object'],
    ['a flag that is none', '{"inputs":[],"parameters":{"binary_data_output":1}}', 'must be true or false'],
    ['a time that is none', '{"inputs":[],"parameters":{"timeout":-1}}', 'microseconds'],
    ['names of prototypes', '{"__proto__":{"inputs":[]},"constructor":1}', 'Inputs must be a list'],
  ])('%s', async (_, body, message) => {
    expectError(await client.send('log', Buffer.from(body), { 'Content-Type': 'application/json' }), 400, message);
  });

  it.each([
    ['no name', { name: undefined }, 'must have a name'],
    ['a near miss', { name: 'X' }, /^2 problems: inputs\[0\], "X", is not an input of the model; did you mean "x"\?; input "x" is missing: the model takes FP32\[-1,1\]\.$/], // prettier-ignore
    ['another name', { name: 'a'.repeat(1000) }, /"a{64}…", is not an input of the model \(it takes x\)/],
    ['no datatype', { datatype: undefined }, 'must have a datatype'],
    ['another datatype', { datatype: 'FP64' }, /^Input "x" has another datatype: the model takes FP32\[-1,1\]\.$/],
    ['a datatype that is none', { datatype: 'constructor' }, 'another datatype'],
    ['no shape', { shape: undefined }, 'must have a shape'],
    ['a shape that is no list', { shape: 1 }, 'must have a shape'],
    ['a negative size', { shape: [-1, 1] }, 'whole numbers from 0 on'],
    ['half a size', { shape: [0.5, 1] }, 'whole numbers from 0 on'],
    ['a text for a size', { shape: ['1', 1] }, 'whole numbers from 0 on'],
    ['a size that a double loses', { shape: [2 ** 53 + 2, 1] }, 'whole numbers from 0 on'],
    ['too many dimensions', { shape: Array(65).fill(1) }, 'up to 64 whole numbers'],
    ['sizes whose product overflows', { shape: [2 ** 50, 2 ** 50] }, 'larger than any tensor can be'],
    ['a size beside none', { shape: [2 ** 50, 0] }, 'larger than any tensor can be'],
    ['fewer dimensions', { shape: [1] }, 'must have 2 dimensions, and has 1'],
    ['another size', { shape: [1, 2] }, 'must have the size 1 in dimension 1'],
    ['fewer elements', { shape: [3, 1] }, 'has 1 element, and its shape needs 3'],
    ['elements of a huge tensor', { shape: [2 ** 40, 1] }, 'has 1 element, and its shape needs 1099511627776'],
    ['lists of a huge tensor', { shape: [2 ** 40, 1], data: [[1]] }, 'has a list of 1 in dimension 0'],
    ['no data', { data: undefined }, 'has neither data nor binary_data_size'],
    ['data that are no list', { data: 1 }, 'must have its data as a list'],
    ['null', { data: [null] }, 'must hold a number in element 0: NaN can be sent as binary data only'],
    ['a text', { data: ['Secret'] }, 'must hold a number in element 0'],
    ['true', { data: [true] }, 'must hold a number in element 0'],
    ['an object', { data: [{}] }, 'must hold a number in element 0'],
    ['a number that is too large', { data: [1e39] }, 'too large for its datatype'],
    ['lists of unequal length', { shape: [2, 1], data: [[1], [1, 2]] }, 'has a list of 2 in dimension 1 of its data'],
    ['a number beside a list', { shape: [2, 1], data: [[1], 1] }, 'must have a list in dimension 1'],
    ['a list beside a number', { shape: [2, 1], data: [1, [1]] }, 'must hold a number in element 1'],
    ['lists that are too deep', { shape: [1, 1], data: [[[1]]] }, 'must hold a number in element 0'],
    ['data twice', { parameters: { binary_data_size: 4 } }, 'has both data and binary_data_size'],
    ['a size of binary data that is none', { data: undefined, parameters: { binary_data_size: 1.5 } }, 'whole number'],
    ['binary data that are not there', { data: undefined, parameters: { binary_data_size: 4 } }, 'The binary data have 0 bytes'], // prettier-ignore
    ['parameters that are no object', { parameters: 'Secret' }, 'must be an object'],
  ])('an input with %s', async (_, change, message) => {
    expectError(await log(change), 400, message);
  });

  it.each([
    ['half', [65_520], 'too large'],
    ['double', ['1e999'], 'too large'],
    ['byte', [128], 'from -128 to 127 in element 0'],
    ['byte', [0, -129], 'in element 1'],
    ['byte', [0.5], 'a whole number in element 0'],
    ['byte', ['null'], 'must hold a number in element 0'],
    ['long', ['9223372036854775808'], 'from -9223372036854775808 to 9223372036854775807'],
    ['long', ['-9223372036854775809'], 'in element 0'],
    ['long', ['1e18'], 'must hold all digits'],
    ['long', ['1e30'], 'a whole number from'],
    ['long', ['0.5'], 'a whole number in element 0'],
    ['long', ['9223372036854775807', 'null'], 'a whole number in element 1'],
    ['count', ['-1'], 'from 0 to 18446744073709551615'],
    ['count', ['18446744073709551616'], 'from 0 to 18446744073709551615'],
    ['flag', [2], 'true or false in element 0'],
    ['flag', ['"true"'], 'true or false in element 0'],
    ['text', [7], 'a text in element 0'],
    ['text', ['null'], 'a text in element 0'],
    ['text', ['"a\\u0000b"'], 'U+0000 in element 0'],
    ['text', ['"ok"', '"\\ud800"'], 'half a surrogate pair in element 1'],
  ])('%s %j', async (name, values, message) => {
    const datatypes = { float: 'FP32', half: 'FP16', double: 'FP64', byte: 'INT8', long: 'INT64', count: 'UINT64', flag: 'BOOL', text: 'BYTES' }; // prettier-ignore
    const inputs = Object.entries(datatypes).map(([other, datatype]) => {
      const shape = other === 'float' ? [values.length, 2] : [values.length];
      const zero = other === 'text' ? '""' : '0';
      const data = other === name ? values : Array(other === 'float' ? 2 * values.length : values.length).fill(zero);
      return `{"name":"${other}","datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":[${data.join()}]}`;
    });
    const answer = await client.send('types', Buffer.from(`{"inputs":[${inputs.join()}]}`));
    expectError(answer, 400, message);
    expect(answer.json.error).toContain(`Input "${name}"`);
  });

  it('names everything that is wrong with names and shapes, up to ten things', async () => {
    const answer = await client.infer('types', { inputs: [{ ...X, name: 'half' }, { ...X, name: 'half' }, X] });
    expectError(answer, 400, /^10 problems: input "half" has another datatype: .*; input "half" is there twice; /);
    const many = await client.infer('types', { inputs: Array(500).fill(X) });
    expectError(many, 400, /^10 problems/);
    expect(many.json.error.length).toBeLessThan(2000);
  });

  it.each([
    ['no output', 'z', /^"z" is not an output of the model \(it has y\)\.$/],
    ['an input', 'x', 'is not an output of the model'],
  ])('an output that is %s', async (_, name, message) => {
    expectError(await log({}, { outputs: [{ name }] }), 400, message);
  });

  it('an output twice', async () => {
    expectError(await log({}, { outputs: [{ name: 'y' }, { name: 'y' }] }), 400, 'asked for twice');
  });

  it.each([
    [{ outputs: [{ name: 'y', parameters: { classification: 3 } }] }, 'as a classification'],
    [{ outputs: [{ name: 'y', parameters: { shared_memory_region: 'a' } }] }, 'in shared memory'],
    [{ inputs: [{ ...X, data: undefined, parameters: { shared_memory_region: 'a' } }] }, 'in shared memory'],
  ])('what the service does not have: %j', async (more, message) => {
    expectError(await log({}, more), 501, message);
  });

  describe('of binary data', () => {
    const BINARY = { name: 'x', shape: [1, 1], datatype: 'FP32', parameters: { binary_data_size: 4 } };
    const one = Buffer.from(new Float32Array([1]).buffer);

    it.each([
      [
        'fewer bytes than the shape needs',
        { parameters: { binary_data_size: 3 } },
        3,
        'has 3 bytes of data, and its shape needs 4',
      ],
      ['more bytes than the shape needs', { parameters: { binary_data_size: 8 } }, 8, 'has 8 bytes of data'],
      ['bytes that nobody wants', {}, 5, 'The binary data have 5 bytes'],
      ['fewer bytes than were promised', {}, 3, 'The binary data have 3 bytes'],
      ['a promise that is huge', { parameters: { binary_data_size: 2 ** 53 - 1 } }, 4, 'need 9007199254740991'],
      ['a shape that is huge', { shape: [2 ** 45, 1] }, 4, 'its shape needs 140737488355328'],
    ])('%s', async (_, change, length, message) => {
      const data = Buffer.alloc(length);
      expectError(await client.inferBinary('log', { inputs: [{ ...BINARY, ...change }] }, [data]), 400, message);
    });

    it.each(['x', '-1', '1.5', '', '1e3', '9'.repeat(30)])('the header %j', async (length) => {
      const headers = { 'Inference-Header-Content-Length': length };
      expectError(await client.send('log', one, headers), 400, 'Inference-Header-Content-Length header must be');
    });

    it('a header that is longer than the body, or shorter than its JSON', async () => {
      const json = JSON.stringify({ inputs: [X] });
      const send = (length: number) =>
        client.send('log', Buffer.from(json), { 'Inference-Header-Content-Length': String(length) });
      expect((await send(json.length)).status).toBe(200);
      expectError(await send(json.length + 1), 400, 'is longer than the body');
      expectError(await send(json.length - 1), 400, 'ends too early');
    });

    it.each([
      ['a length beyond the end', Buffer.from([9, 0, 0, 0, 65]), 'ends in the middle of element 0'],
      ['a length of 2^32-1', Buffer.from([255, 255, 255, 255, 65]), 'ends in the middle of element 0'],
      ['no length', Buffer.from([1, 0]), 'too few for the lengths of 1 texts'],
      ['bytes after the last one', Buffer.from([1, 0, 0, 0, 65, 66]), 'has 1 bytes of data after its last element'],
      ['bytes that are no text', Buffer.from([1, 0, 0, 0, 255]), 'not UTF-8'],
      ['U+0000', Buffer.from([1, 0, 0, 0, 0]), 'U+0000'],
    ])('a text with %s', async (_, bytes, message) => {
      const names = ['float', 'half', 'double', 'byte', 'long', 'count', 'flag'];
      const datatypes = ['FP32', 'FP16', 'FP64', 'INT8', 'INT64', 'UINT64', 'BOOL'];
      const inputs = names.map((name, index) => ({
        name,
        datatype: datatypes[index],
        shape: index === 0 ? [1, 2] : [1],
        data: index === 0 ? [0, 0] : [0],
      }));
      const text = { name: 'text', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: bytes.length } };
      expectError(await client.inferBinary('types', { inputs: [...inputs, text] }, [bytes]), 400, message);
      const flag = { name: 'flag', datatype: 'BOOL', shape: [1], parameters: { binary_data_size: 1 } };
      const rest = inputs.filter(({ name }) => name !== 'flag');
      const two = [...rest, flag, { ...text, parameters: undefined, data: ['a'] }];
      expectError(await client.inferBinary('types', { inputs: two }, [Buffer.from([2])]), 400, 'neither 0 nor 1');
    });

    it('a raw body for a model of several inputs, or of another length', async () => {
      const raw = { 'Inference-Header-Content-Length': '0' };
      expectError(await client.send('types', one, raw), 400, 'models with one input');
      expectError(await client.send('log', Buffer.alloc(6), raw), 400, 'has 6 bytes of data, and its shape needs 4');
    });
  });

  it('models and versions that are not there, not well, or not meant', async () => {
    const body = { inputs: [X] };
    expectError(await client.infer('nope', body), 404, /^There is no model "nope"\. Served: gather, log, types\.$/);
    expectError(await client.infer('log/versions/9', body), 404, 'log has no version "9"');
    expectError(await client.infer('broken', body), 503, 'No version of broken can serve');
    expectError(await client.infer('log/versions/1', body, { 'X-Model-Version': '^2' }), 400, 'send one of them');
    expect((await client.infer('log/versions/1', body, { 'X-Model-Version': 'latest' })).status).toBe(200);
    for (const path of ['/v2/models/nope', '/v2/models/nope/ready', '/v2/models/log/versions/9/ready']) {
      const { status, json } = await service.get(path);
      expect([path, status, json]).toEqual([path, 404, { error: expect.stringMatching(/nope|9/) }]);
    }
  });

  it('routes and methods', async () => {
    for (const path of ['/v2/nope', '/v2/models', '/V2/models', '/v2/models/log/infer/more', '/v2/models/%E0%A4%A']) {
      const { status, json } = await service.get(path);
      expect([path, status, Object.keys(json)]).toEqual([path, 404, ['error']]);
    }
    const wrong = await service.get('/v2/models/log/infer');
    expect([wrong.status, wrong.headers.get('allow'), wrong.json]).toEqual([
      405,
      'POST',
      { error: 'This path takes POST.' },
    ]);
    expect((await service.get('/v2nope')).json.code).toBe('route_not_found'); // another path altogether
  });

  it('bodies that are too large, compressed wrongly, or of another type', async () => {
    expectError(await client.send('log', Buffer.alloc(100_000, 0x20)), 413, 'larger than the 65536 bytes');
    const bomb = gzipSync(Buffer.alloc(1_000_000, 0x20));
    expectError(await client.send('log', bomb, { 'Content-Encoding': 'gzip' }), 413, 'larger than the 65536 bytes');
    expectError(await client.send('log', Buffer.from('{}'), { 'Content-Encoding': 'gzip' }), 400, 'cannot be inflated');
    expectError(
      await client.send('log', Buffer.from('{}'), { 'Content-Encoding': 'zstd' }),
      415,
      'gzip, deflate or br',
    );
    expectError(await client.send('log', Buffer.from('{}'), { 'Content-Type': 'text/plain' }), 415, 'application/json');
    expectError(await log({}, { parameters: { timeout: 1 } }), 504, 'time that this request may take');
    expectError(await client.infer('log', { inputs: [X] }, { 'X-Request-Timeout-Ms': 'x' }), 400, 'whole number');
  });

  it('requests that are no HTTP', async () => {
    const said = async (bytes: string) => {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
      let text = '';
      socket.on('data', (data) => (text += String(data)));
      socket.write(bytes);
      await once(socket, 'close');
      const [head = '', body = ''] = text.split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1\.1 4/);
      expect(head).toContain('Content-Type: application/json\r\n');
      return JSON.parse(body) as unknown;
    };
    const post = 'POST /v2/models/log/infer HTTP/1.1\r\nHost: x\r\n';
    const error = { error: expect.any(String) };
    expect(await said(`${post}A: ${'a'.repeat(20_000)}\r\n\r\n`)).toEqual(error);
    expect(await said(`${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`)).toEqual(error);
    expect(await said(`${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`)).toEqual(error);
  });

  it('NaN and infinities never break the JSON, and binary data carry them', async () => {
    expectError(await log({ data: [0] }), 500, /^The model's output "y" holds NaN or an infinity, which JSON cannot: /);
    const inputs = [{ ...X, shape: [3, 1], data: [0, -1, 1] }];
    const { outputs } = await client.infer('log', { inputs, parameters: { binary_data_output: true } });
    const bytes = outputs[0]?.bytes ?? Buffer.alloc(0);
    expect([0, 4, 8].map((at) => bytes.readFloatLE(at))).toEqual([-Infinity, NaN, 0]);
    const { text } = await service.get('/metrics');
    expect(text).toContain('nestor_inference_failures_total{model="log",version="1",code="non_finite_output"} 1');
  });

  it('a model that fails: its own request alone', async () => {
    const ask = (i: number) => client.infer('gather', { inputs: [{ name: 'i', shape: [1, 1], datatype: 'INT64', data: [i] }] }); // prettier-ignore
    const answers = await Promise.all([0, 7, 1, 9, 2].map(ask));
    expect(answers.map(({ status, outputs }) => outputs[0]?.data ?? status)).toEqual([[1], 500, [2], 500, [3]]);
    expectError(answers[1] as Inferred, 500, 'The model failed on this input.');
  });
});
