import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeModel, floats, node, toGraph, writeModel } from '../support/onnx-writer.js';
import { identityModel, linearModel } from '../support/onnx.js';
import { ModelFolder, SHIPPED } from '../support/model-folder.js';
import { Service } from '../support/service.js';
import { Client } from './client.js';

const X = { x: { shape: ['N', 1] } };
const Y = { y: { shape: ['N', 1] } };

/** y = x + bias, where the file has 10 for the bias. */
const OPTIONAL = writeModel({
  inputs: { ...X, bias: { shape: [1] } },
  outputs: Y,
  constants: { bias: floats([1], [10]) },
  nodes: [node('Add', ['x', 'bias'], 'y')],
});
/** y = x · factor, a value without an axis; and their sum over all rows, without one, too. */
const SCALAR = writeModel({
  inputs: { x: { shape: ['N'] }, factor: { shape: [] } },
  outputs: { y: { shape: ['N'] }, sum: { shape: [] } },
  nodes: [node('Mul', ['x', 'factor'], 'y'), node('ReduceSum', ['y'], 'sum', { keepdims: 0 })],
});
/** As many zeros as `n` says, of which the last is not a number: 0 / 0. */
const MANY = writeModel({
  inputs: { n: { type: 'int64', shape: [1] } },
  outputs: { y: { shape: ['N'] }, z: { shape: ['N'] } },
  constants: { last: floats([1], [0]) },
  nodes: [
    node('ConstantOfShape', ['n'], 'y'),
    node('Div', ['last', 'last'], 'nan'),
    node('Concat', ['y', 'nan'], 'z', { axis: 0 }),
  ],
});
const FIXED = identityModel({ name: 'x', shape: [2, 3] });
const OPEN = writeModel({ inputs: { x: {} }, outputs: { y: {} }, nodes: [node('Neg', ['x'], 'y')] });
/** y = a + b, where either may have one row for all of the other's. */
const BROADCAST = writeModel({
  inputs: { a: { shape: ['N', 2] }, b: { shape: ['N', 2] } },
  outputs: { y: { shape: ['N', 2] } },
  nodes: [node('Add', ['a', 'b'], 'y')],
});
/** y = x, and beside it a sequence. */
const SEQUENCE = writeModel({
  inputs: X,
  outputs: { ...Y, list: { shape: [], sequence: true } },
  nodes: [node('Neg', ['x'], 'y'), node('SequenceConstruct', ['x'], 'list')],
});
const ONLY_SEQUENCE = writeModel({
  inputs: X,
  outputs: { list: { shape: [], sequence: true } },
  nodes: [node('SequenceConstruct', ['x'], 'list')],
});
/** y = 2x, and all rows beside each other. */
const MIXED = writeModel({
  inputs: X,
  outputs: { ...Y, across: { shape: [1, 'N'] } },
  nodes: [node('Add', ['x', 'x'], 'y'), node('Transpose', ['x'], 'across', { perm: [1, 0] })],
});

/** y = x · w, where w lies in a file beside it. */
function external(): { model: Uint8Array; weights: Uint8Array } {
  const graph = toGraph({ inputs: X, outputs: Y, nodes: [node('MatMul', ['x', 'w'], 'y')] });
  const location = Object.entries({ location: 'weights.bin', offset: '0', length: '4' });
  const initializer = {
    name: 'w',
    dims: [1, 1],
    dataType: 1,
    dataLocation: 1,
    externalData: location.map(([key, value]) => ({ key, value })),
  };
  const opsetImport = [{ domain: '', version: 17 }];
  const model = encodeModel({ irVersion: 8, opsetImport, graph: { ...graph, initializer: [initializer] } });
  return { model, weights: Buffer.from(Float32Array.of(3).buffer) };
}

describe('models of every kind', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: Client;
  beforeAll(async () => {
    const { model, weights } = external();
    folder = await ModelFolder.with({
      'optional/1/model.onnx': OPTIONAL,
      'scalar/1/model.onnx': SCALAR,
      'fixed/1/model.onnx': FIXED,
      'many/1/model.onnx': MANY,
      'copy/1/model.onnx': identityModel({ name: 'x', shape: ['N', 'M'] }),
      'open/1/model.onnx': OPEN,
      'broadcast/1/model.onnx': BROADCAST,
      'sequence/1/model.onnx': SEQUENCE,
      'only-sequence/1/model.onnx': ONLY_SEQUENCE,
      'mixed/1/model.onnx': MIXED,
      'external/1/model.onnx': model,
      'external/1/weights.bin': weights,
      'wide/1/model.onnx': linearModel([1, 2, 3]),
      'lazy/model.yaml': 'load: lazy\nlabels: {stable: "1"}\n',
      'lazy/1/model.onnx': linearModel([1]),
      'lazy/2/model.onnx': linearModel([2]),
    });
    service = await Service.start({ MODELS_DIR: folder.path, REQUIRED_MODELS: 'optional' });
    client = new Client(service);
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  const tensor = (name: string, shape: number[], data: unknown) => ({ name, shape, datatype: 'FP32', data });
  async function run(model: string, ...inputs: object[]) {
    const { json, outputs } = await client.infer(model, { inputs });
    return json.error ?? Object.fromEntries(outputs.map(({ name, shape, data }) => [name, [shape, data]]));
  }

  it('an optional input is left out, and cannot be sent: the runtime would take its default without a word', async () => {
    expect(await run('optional', tensor('x', [1, 1], [1]))).toEqual({ y: [[1, 1], [11]] });
    expect(await run('optional', tensor('x', [1, 1], [1]), tensor('bias', [1], [5]))).toBe(
      `Input "bias" has a default in the model's file, and the runtime takes no other value for it: leave it out.`,
    );
    expect((await service.get('/v2/models/optional')).json.inputs).toEqual([
      { name: 'x', datatype: 'FP32', shape: [-1, 1] },
    ]);
  });

  it('values without an axis, in and out', async () => {
    const x = tensor('x', [2], [1, 2]);
    const expected = { y: [[2], [3, 6]], sum: [[], [9]] };
    expect(await run('scalar', x, tensor('factor', [], [3]))).toEqual(expected);
    expect(await run('scalar', x, tensor('factor', [], 3))).toEqual(expected);
    expect(await run('scalar', x, tensor('factor', [1], [3]))).toMatch('must have 0 dimensions, and has 1: the model takes FP32[]'); // prettier-ignore
    const factor = { name: 'factor', shape: [], datatype: 'FP32', parameters: { binary_data_size: 4 } };
    const binary = await client.inferBinary('scalar', { inputs: [x, factor] }, [
      Buffer.from(Float32Array.of(3).buffer),
    ]);
    expect(binary.outputs.map(({ data }) => data)).toEqual([[3, 6], [9]]);
  });

  it('a batch that is fixed', async () => {
    const values = [1, 2, 3, 4, 5, 6];
    expect(await run('fixed', tensor('x', [2, 3], values))).toEqual({ x_out: [[2, 3], values] });
    expect(await run('fixed', tensor('x', [1, 3], [1, 2, 3]))).toMatch('must have the size 2 in dimension 0');
  });

  it('any number of dimensions, where the file does not say', async () => {
    expect((await service.get('/v2/models/open')).json.inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1] }]);
    expect(await run('open', tensor('x', [], [1]))).toEqual({ y: [[], [-1]] });
    expect(await run('open', tensor('x', [2, 1, 2], [1, 2, 3, 4]))).toEqual({
      y: [
        [2, 1, 2],
        [-1, -2, -3, -4],
      ],
    });
  });

  it('inputs that do not have as many rows are run as they are, and meet no other', async () => {
    const one = tensor('a', [1, 2], [1, 2]);
    const two = tensor('b', [2, 2], [10, 20, 30, 40]);
    const answers = await Promise.all([
      run('broadcast', one, two),
      run('broadcast', one, { ...one, name: 'b' }),
      run('broadcast', { ...two, name: 'a' }, two),
      run('broadcast', one, two),
    ]);
    const broadcast = {
      y: [
        [2, 2],
        [11, 22, 31, 42],
      ],
    };
    expect(answers).toEqual([
      broadcast,
      {
        y: [
          [1, 2],
          [2, 4],
        ],
      },
      {
        y: [
          [2, 2],
          [20, 40, 60, 80],
        ],
      },
      broadcast,
    ]);
  });

  it('no rows, among others that have some', async () => {
    const answers = await Promise.all([[1, 1, 1], [], [2, 2, 2]].map((data) => run('wide', tensor('x', [data.length / 3, 3], data)))); // prettier-ignore
    expect(answers).toEqual([{ score: [[1, 1], [6]] }, { score: [[0, 1], []] }, { score: [[1, 1], [12]] }]);
  });

  it('external data', async () => {
    expect(await run('external', tensor('x', [2, 1], [1, 2]))).toEqual({
      y: [
        [2, 1],
        [3, 6],
      ],
    });
  });

  it('a sequence is left out, and says so when it is asked for', async () => {
    const x = tensor('x', [1, 1], [1]);
    expect(await run('sequence', x)).toEqual({ y: [[1, 1], [-1]] });
    expect((await service.get('/v2/models/sequence')).json.outputs).toHaveLength(1);
    const { status, json } = await client.infer('sequence', { inputs: [x], outputs: [{ name: 'list' }] });
    expect([status, json.error]).toEqual([
      400,
      `Output "list" is a sequence or a map, and cannot be sent: export the model with options={'zipmap': False}.`,
    ]);
    expect((await service.get('/v1/models/only-sequence')).json.versions[0]).toMatchObject({
      state: 'FAILED',
      reason: expect.stringContaining(`options={'zipmap': False}`) as unknown,
    });
  });

  it('an output of all rows together takes all of them in one run, of its own', async () => {
    const ask = (outputs: object[], rows: number[]) =>
      client.infer('mixed', { inputs: [tensor('x', [rows.length, 1], rows)], outputs });
    const [y, across] = [{ name: 'y' }, { name: 'across' }];
    const answers = await Promise.all([ask([y], [1]), ask([across], [2, 4]), ask([across, y], [5]), ask([y], [6, 7])]);
    const data = answers.map(({ outputs }) => outputs.map(({ data: values }) => values));
    expect(data).toEqual([[[2]], [[2, 4]], [[5], [10]], [[12, 14]]]);
    expect(answers[1].outputs[0]?.shape).toEqual([1, 2]);
    const rows = Array.from({ length: 101 }, (_, i) => i);
    expect((await ask([y], rows)).outputs[0]?.data).toEqual(rows.map((row) => 2 * row));
    const tooMany = await ask([across], rows);
    expect([tooMany.status, tooMany.json.error]).toEqual([
      400,
      expect.stringContaining('at most 100 (MAX_BATCH_SIZE)'),
    ]);
  });

  it('more rows than one run holds', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => [i, 1, 0]);
    const { outputs } = await client.infer('wide', { inputs: [tensor('x', [5000, 3], rows)] });
    expect(outputs[0]).toMatchObject({ shape: [5000, 1], data: rows.map(([i = 0]) => i + 2) });
  });

  it('a hundred thousand rows of a model on a thread, beside others', async () => {
    const { json } = await service.get('/v1/models/copy/versions/1');
    expect(json.execution).toMatchObject({ placement: 'threads' });
    const rows = Array.from({ length: 100_000 }, (_, i) => i);
    const { outputs } = await client.infer('copy', { inputs: [tensor('x', [100_000, 1], rows)] });
    expect(outputs[0]).toMatchObject({ shape: [100_000, 1], data: rows });
    const few = await Promise.all([1, 2, 3].map((value) => client.infer('copy', { inputs: [tensor('x', [1, 1], [value])] }))); // prettier-ignore
    expect(few.map((one) => one.outputs[0]?.data)).toEqual([[1], [2], [3]]);
  });

  it('an answer of a million numbers in JSON keeps nobody waiting', async () => {
    const ask = (output: string) =>
      client.infer('many', {
        inputs: [{ name: 'n', shape: [1], datatype: 'INT64', data: [1_000_000] }],
        outputs: [{ name: output }],
      });
    const long = ask('y');
    const after = (answer: Promise<unknown>, what: string) => answer.then(() => what);
    let probes = 0;
    const next = () => Promise.race([after(long, 'answer'), after(service.get('/health/live'), 'probe')]);
    while ((await next()) === 'probe') probes++;
    expect(probes).toBeGreaterThan(5); // where it was in one piece, it was 1 or 2
    const { outputs } = await long;
    expect(outputs[0]?.data).toEqual(new Array(1_000_000).fill(0));
    const { json } = await ask('z');
    expect(json.error).toMatch(/output "z" holds NaN or an infinity.*ask for it as binary data/);
  });

  it('are lazy, and loaded by whoever asks for them', async () => {
    expect((await service.get('/v2/models/lazy/ready')).json).toEqual({ name: 'lazy', ready: true });
    expect((await service.get('/v1/models/lazy')).json.versions[1].state).toBe('DISCOVERED');
    const { json } = await service.get('/v2/models/lazy');
    expect(json).toEqual({
      name: 'lazy',
      versions: ['1', '2'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
      outputs: [{ name: 'score', datatype: 'FP32', shape: [-1, 1] }],
    });
    expect(await run('lazy/versions/stable', tensor('x', [1, 1], [5]))).toEqual({ score: [[1, 1], [5]] });
    const headers = { 'X-Model-Version': '^1' };
    const byHeader = await client.infer('lazy', { inputs: [tensor('x', [1, 1], [5])] }, headers);
    expect([byHeader.json.model_version, byHeader.headers.get('x-model-version')]).toEqual(['1', '1']);
  });

  it('are not ready: 503', async () => {
    const { status, json } = await service.get('/v2/models/only-sequence/ready');
    expect([status, json]).toEqual([503, { name: 'only-sequence', ready: false }]);
  });
});

describe('the server', () => {
  it('says what it is, and whether it is ready', async () => {
    const service = await Service.start({ MODELS_DIR: SHIPPED });
    try {
      const { json } = await service.get('/v2');
      expect(json).toMatchObject({ name: 'nestor', version: expect.stringMatching(/^\d+\./) as unknown });
      expect(json.extensions).toContain('binary_tensor_data');
      expect((await service.get('/v2/health/live')).json).toEqual({ live: true });
      expect((await service.get('/v2/health/ready')).json).toEqual({ ready: true });
      expect((await service.get('/v2/models/credit-risk/versions/2.0.0/ready')).status).toBe(200);
      expect((await service.get('/v2/models/credit-risk')).json.versions).toEqual(['1.0.0', '2.0.0']);
    } finally {
      await service.stop();
    }
  });

  it('is not ready: 503', async () => {
    const folder = await ModelFolder.with({ 'broken/1/model.onnx': 'nothing', 'well/1/model.onnx': linearModel([1]) });
    const service = await Service.start({ MODELS_DIR: folder.path, REQUIRED_MODELS: 'broken' });
    try {
      const { status, json } = await service.get('/v2/health/ready');
      expect([status, json]).toEqual([503, { ready: false }]);
      expect((await service.get('/v2/health/live')).status).toBe(200);
    } finally {
      await service.stop();
      await folder.remove();
    }
  });
});
