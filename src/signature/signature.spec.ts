import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { emptyTensor, type DataType, type Tensor } from '../inference/tensor.js';
import { type Row } from './columns.js';
import { loadSignature, type Signature } from './signature.js';

type Input = [name: string, type: DataType, shape: (number | string)[]];

/** A signature with its graph's inputs: what a run would feed for some rows. */
class Subject {
  constructor(
    private readonly signature: Signature,
    private readonly inputs: Input[],
  ) {}

  problems(row: unknown) {
    return this.signature.problems(row);
  }

  encode(rows: Row[]): Map<string, Tensor> {
    const { rowDims, write } = this.signature.request(rows);
    const tensors = this.inputs.map(([, type], index) => emptyTensor(type, [rows.length, ...(rowDims[index] ?? [])]));
    write(tensors, 0);
    return new Map(this.inputs.map(([name], index) => [name, tensors[index] as Tensor]));
  }
}

describe('signature', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-signature-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function signatureOf(spec: object, inputs: Input[]): Promise<Subject> {
    await writeFile(join(folder, 'signature.yaml'), stringify(spec));
    const outputs = [{ name: 'y', type: 'float32' as const, shape: ['N', 1] }];
    const graph = {
      inputs: inputs.map(([name, type, shape]) => ({ name, type, shape })),
      outputs,
      unsupportedOutputs: [],
      optionalInputs: [],
      openShapes: [],
    };
    const signature = await loadSignature(folder, graph);
    if (!signature) throw new Error('there is a signature.yaml');
    return new Subject(signature, inputs);
  }

  it('writes columns in their order, with every encoding', async () => {
    const signature = await signatureOf(
      {
        features: {
          type: 'object',
          required: ['n', 'flag', 'kind'],
          properties: {
            n: { type: 'number' },
            flag: { type: 'boolean' },
            kind: { enum: ['a', 'b', 'c'] },
            gap: { type: ['number', 'null'] },
            size: { type: ['integer', 'null'], default: 7 },
          },
        },
        inputs: { x: ['n', 'flag', { oneHot: 'kind' }, { ordinal: 'kind' }, 'gap', 'size'] },
      },
      [['x', 'float32', ['N', 8]]],
    );
    const x = signature
      .encode([
        { n: 1.5, flag: true, kind: 'b', gap: 2, size: 1 },
        { n: -1, flag: false, kind: 'c', gap: null, size: null },
        { n: 0, flag: false, kind: 'a' },
      ])
      .get('x') as Tensor;
    expect(x.dims).toEqual([3, 8]);
    expect([...(x.data as Float32Array)]).toEqual([
      ...[1.5, 1, 0, 1, 0, 1, 2, 1],
      ...[-1, 0, 0, 0, 1, 2, NaN, 7],
      ...[0, 0, 1, 0, 0, 0, NaN, 7],
    ]);
  });

  it.each<[DataType, object, unknown, unknown]>([
    ['int64', { type: 'integer' }, 2 ** 53 - 1, 9007199254740991n],
    ['uint8', { type: 'integer' }, 255, 255],
    ['float64', { type: 'number' }, 1e300, 1e300],
    ['float16', { type: 'number' }, 1.5, 0x3e00],
    ['bool', { type: 'boolean' }, true, 1],
    ['string', { type: 'string' }, 'Zürich', 'Zürich'],
  ])('fills a %s tensor', async (type, schema, value, element) => {
    const features = { type: 'object', required: ['f'], properties: { f: schema } };
    const signature = await signatureOf({ features }, [['f', type, ['N', 1]]]);
    expect(signature.problems({ f: value })).toBeUndefined();
    expect((signature.encode([{ f: value }]).get('f') as Tensor).data[0]).toEqual(element);
  });

  it.each<[DataType, string, unknown]>([
    ['int64', 'integer', 2 ** 53],
    ['uint8', 'integer', 256],
    ['uint8', 'integer', -1],
    ['int32', 'integer', 2 ** 31],
    ['int32', 'integer', 1.5],
    ['float32', 'number', 3.5e38],
    ['float16', 'number', 70000],
    ['string', 'string', 'a\u0000b'],
    ['string', 'string', '\ud800'],
    ['float32', 'number', '1'],
    ['float32', 'number', true],
    ['float32', 'number', Infinity],
    ['float32', 'number', NaN],
  ])('refuses for a %s tensor of %s what it cannot hold: %p', async (type, kind, value) => {
    const features = { type: 'object', required: ['f'], properties: { f: { type: kind } } };
    const signature = await signatureOf({ features }, [['f', type, ['N', 1]]]);
    expect(signature.problems({ f: value })).toHaveLength(1);
  });

  it('fills [N,1,8,8] with an 8×8 feature, and takes its lengths from the graph', async () => {
    const grid = { type: 'array', items: { type: 'array', items: { type: 'number' } } };
    const features = { type: 'object', required: ['image'], properties: { image: grid } };
    const signature = await signatureOf({ features }, [['image', 'float32', ['N', 1, 8, 8]]]);
    const image = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_unused, j) => i * 8 + j));
    expect(signature.problems({ image })).toBeUndefined();
    const tensor = signature.encode([{ image }, { image }]).get('image') as Tensor;
    expect(tensor.dims).toEqual([2, 1, 8, 8]);
    expect([...(tensor.data as Float32Array)].slice(62, 66)).toEqual([62, 63, 0, 1]);
    expect(signature.problems({ image: image.slice(1) })?.[0]?.message).toBe(
      'must be a list of 8 lists of 8 numbers that fit a 32-bit float',
    );
  });

  it('names like constructor are features like any other, present or not', async () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'number', default: 4 }]));
    const signature = await signatureOf({ features: { type: 'object', properties } }, [['x', 'float32', ['N', 4]]]);
    expect([...((signature.encode([{ toString: 1 }]).get('x') as Tensor).data as Float32Array)]).toEqual([4, 1, 4, 4]);
    const row = JSON.parse('{"__proto__": {"valueOf": 9}}') as Row;
    expect(signature.problems(row)).toEqual([
      { path: '/__proto__', message: 'is not a known feature', code: 'unknown' },
    ]);
  });

  it('names are no code, whatever is in them', async () => {
    const names = ['"]; throw new Error(); row["', '\u2028', '\\', "'`${1}", '*/ } //'];
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'number' }]));
    const signature = await signatureOf({ features: { type: 'object', required: names, properties } }, [
      ['x', 'float32', ['N', 5]],
    ]);
    const row = Object.fromEntries(names.map((name, index) => [name, index]));
    expect([...((signature.encode([row]).get('x') as Tensor).data as Float32Array)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('encodes whatever its schema accepts, and accepts no row that it cannot encode', async () => {
    const scalar = fc.oneof(
      fc.record({
        schema: fc.constant({ type: 'number' }),
        type: fc.constantFrom<DataType>('float32', 'float64', 'float16'),
      }),
      fc.record({
        schema: fc.constant({ type: 'integer' }),
        type: fc.constantFrom<DataType>('int8', 'int32', 'int64', 'uint8', 'uint64', 'float32'),
      }),
      fc.record({
        schema: fc.constant({ type: ['number', 'null'], maximum: 10 }),
        type: fc.constant<DataType>('float32'),
      }),
      fc.record({
        schema: fc.constant({ anyOf: [{ type: 'integer' }, { type: 'null' }], default: 3 }),
        type: fc.constant<DataType>('int16'),
      }),
      fc.record({ schema: fc.constant({ type: 'string' }), type: fc.constant<DataType>('string') }),
      fc.record({ schema: fc.constant({ enum: ['u', 'v', 'w'] }), type: fc.constant<DataType>('string') }),
      fc.record({
        schema: fc.constant({ type: 'array', items: { type: 'number' } }),
        type: fc.constant<DataType>('float32'),
      }),
    );
    const value = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom<unknown>(
        null,
        true,
        'u',
        'v',
        '',
        [],
        [1, 2, 3],
        [1, null],
        {},
        1e39,
        65505,
        255,
        256,
        -129,
        'a\u0000',
      ),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(scalar, { minLength: 1, maxLength: 4 }),
        fc.array(fc.array(value, { maxLength: 5 }), { maxLength: 20 }),
        async (kinds, rows) => {
          const names = kinds.map((_, index) => `f${index}`);
          const properties = Object.fromEntries(kinds.map(({ schema }, index) => [`f${index}`, schema as JsonSchema]));
          const required = names.filter(
            (name) => !('default' in (properties[name] ?? {})) && !JSON.stringify(properties[name]).includes('null'),
          );
          const inputs = kinds.map(({ type, schema }, index): [string, DataType, (number | string)[]] => [
            `f${index}`,
            type,
            'items' in schema ? ['N', 3] : ['N', 1],
          ]);
          const signature = await signatureOf({ features: { type: 'object', required, properties } }, inputs);
          for (const values of rows) {
            const row = JSON.parse(
              JSON.stringify(Object.fromEntries(values.map((sent, index) => [`f${index}`, sent]))),
            ) as Row;
            if (signature.problems(row)) continue;
            for (const [name, tensor] of signature.encode([row]))
              expectFaithful(tensor, row[name], properties[name]?.default);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** Each element is the value that was sent, rounded to the tensor's type and in no other way changed. */
function expectFaithful(tensor: Tensor, sent: unknown, fallback: unknown): void {
  const values = [sent ?? fallback ?? null].flat();
  expect(tensor.data).toHaveLength(tensor.dims.reduce((product, dim) => product * dim, 1));
  expect(tensor.data).toHaveLength(values.length);
  for (const [index, value] of values.entries()) {
    const element = tensor.data[index];
    if (value === null) expect(element).toBeNaN();
    else if (tensor.type === 'float32') expect(element).toBe(Math.fround(value as number));
    else if (tensor.type === 'float16')
      expect(new Float16Array(Uint16Array.of(element as number).buffer)[0]).toBe(Math.f16round(value as number));
    else expect(typeof element === 'bigint' ? Number(element) : element).toBe(value);
    if (tensor.type.startsWith('float') && tensor.type !== 'float16' && value !== null)
      expect(element).not.toBe(Infinity);
  }
}
