import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GrpcClient, type Reply } from '../support/grpc-client.js';
import { ModelFolder } from '../support/model-folder.js';
import { identityModel, onnxModel } from '../support/onnx.js';
import { type ElementType } from '../support/onnx-writer.js';
import { Service } from '../support/service.js';

/** How a datatype travels: its values as typed contents have them, and their bytes. */
interface Datatype {
  type: ElementType;
  /** The field of InferTensorContents; undefined for one that travels raw only. */
  field?: string;
  any: fc.Arbitrary<unknown>;
  bytes: (values: readonly unknown[]) => Uint8Array;
}

const numbers = (Kind: new (values: number[]) => ArrayBufferView) => (values: readonly unknown[]) => {
  const { buffer, byteOffset, byteLength } = new Kind(values.map(Number));
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
};
const longs = (Kind: typeof BigInt64Array | typeof BigUint64Array) => (values: readonly unknown[]) =>
  new Uint8Array(Kind.from(values.map((value) => BigInt(String(value)))).buffer);
const texts = (values: readonly unknown[]) =>
  Buffer.concat(
    values.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE((text as Buffer).length);
      return [length, text as Buffer];
    }),
  );
/** Long enough for each integer of 64 bits, and so a text. */
const exact = (min: bigint, max: bigint) => fc.bigInt({ min, max }).map(String);
const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((one) => !one.includes('\0'));

const DATATYPES: Record<string, Datatype> = {
  BOOL: { type: 'bool', field: 'bool_contents', any: fc.boolean(), bytes: numbers(Uint8Array) },
  INT8: { type: 'int8', field: 'int_contents', any: fc.integer({ min: -128, max: 127 }), bytes: numbers(Int8Array) },
  INT16: { type: 'int16', field: 'int_contents', any: fc.integer({ min: -32768, max: 32767 }), bytes: numbers(Int16Array) },
  INT32: { type: 'int32', field: 'int_contents', any: fc.integer(), bytes: numbers(Int32Array) },
  INT64: { type: 'int64', field: 'int64_contents', any: exact(-(2n ** 63n), 2n ** 63n - 1n), bytes: longs(BigInt64Array) },
  UINT8: { type: 'uint8', field: 'uint_contents', any: fc.nat(255), bytes: numbers(Uint8Array) },
  UINT16: { type: 'uint16', field: 'uint_contents', any: fc.nat(65535), bytes: numbers(Uint16Array) },
  UINT32: { type: 'uint32', field: 'uint_contents', any: fc.integer({ min: 0, max: 2 ** 32 - 1 }), bytes: numbers(Uint32Array) },
  UINT64: { type: 'uint64', field: 'uint64_contents', any: exact(0n, 2n ** 64n - 1n), bytes: longs(BigUint64Array) },
  FP16: { type: 'float16', any: fc.nat(65535), bytes: numbers(Uint16Array) },
  FP32: { type: 'float32', field: 'fp32_contents', any: fc.float(), bytes: numbers(Float32Array) },
  FP64: { type: 'float64', field: 'fp64_contents', any: fc.double(), bytes: numbers(Float64Array) },
  BYTES: { type: 'string', field: 'bytes_contents', any: text.map((one) => Buffer.from(one)), bytes: texts },
}; // prettier-ignore

describe('tensors over gRPC', () => {
  let folder: ModelFolder;
  let service: Service;
  let client: GrpcClient;
  beforeAll(async () => {
    const models = Object.entries(DATATYPES).map(([name, { type }]) => [
      `${name.toLowerCase()}/1/model.onnx`,
      identityModel({ name: 'x', type, shape: ['N', 'M'] }),
    ]);
    folder = await ModelFolder.with({
      ...(Object.fromEntries(models) as Record<string, Uint8Array>),
      'scalar/1/model.onnx': identityModel({ name: 'x', shape: [] }),
      'two/1/model.onnx': onnxModel({
        inputs: [
          { name: 'a', shape: ['N', 2] },
          { name: 'b', shape: ['N', 2] },
        ],
        outputs: [
          { name: 'sum', shape: ['N', 2] },
          { name: 'difference', shape: ['N', 2] },
        ],
        nodes: [
          { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
          { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
        ],
      }),
    });
    service = await Service.start({ MODELS_DIR: folder.path });
    client = new GrpcClient(await service.openGrpc());
  });
  afterAll(async () => {
    client.close();
    await service.stop();
    await folder.remove();
  });

  describe.each(Object.entries(DATATYPES))('%s', (datatype, { field, any, bytes }) => {
    const model = datatype.toLowerCase();
    const tensor = fc.record({ rows: fc.nat(3), columns: fc.nat(3) }).chain(({ rows, columns }) =>
      fc.record({
        shape: fc.constant<number[]>([rows, columns]),
        values: fc.array(any, { minLength: rows * columns, maxLength: rows * columns }),
      }),
    );
    const answered = (shape: number[], values: readonly unknown[]) => ({
      code: 0,
      response: {
        model_name: model,
        model_version: '1',
        id: 'one',
        outputs: [{ name: 'x_out', datatype, shape, contents: null }],
        raw_output_contents: [Buffer.from(bytes(values))],
      },
    });

    it('raw', async () => {
      await fc.assert(
        fc.asyncProperty(tensor, async ({ shape, values }) => {
          const reply = await client.infer(model, [{ name: 'x', datatype, shape, bytes: bytes(values) }], {
            id: 'one',
          });
          expect(reply).toMatchObject(answered(shape, values));
        }),
        { numRuns: 50 },
      );
    });

    it(field === undefined ? 'travels raw only' : `typed, in ${field}`, async () => {
      const infer = (shape: number[], contents: object) =>
        client.call('ModelInfer', { model_name: model, id: 'one', inputs: [{ name: 'x', datatype, shape, contents }] });
      if (field === undefined) {
        const reply = await infer([1, 1], { fp32_contents: [1] });
        expect(reply.code).toBe(3);
        expect(reply.details).toBe('Input "x" is FP16, which has no typed contents: send it in raw_input_contents.');
        return;
      }
      await fc.assert(
        fc.asyncProperty(tensor, async ({ shape, values }) => {
          expect(await infer(shape, { [field]: values })).toMatchObject(answered(shape, values));
        }),
        { numRuns: 50 },
      );
    });
  });

  const pair = (shape: number[], values: number[]) => ({
    datatype: 'FP32',
    shape,
    bytes: new Uint8Array(Float32Array.from(values).buffer),
  });
  const floatsOf = ({ response }: Reply) =>
    (response.raw_output_contents as Buffer[]).map((one) => [...new Float32Array(new Uint8Array(one).buffer)]);

  it('inputs in any order, and outputs in the order in which they are asked for', async () => {
    const a = { name: 'a', ...pair([1, 2], [5, 6]) };
    const b = { name: 'b', ...pair([1, 2], [1, 1]) };
    expect(floatsOf(await client.infer('two', [b, a]))).toEqual([[6, 7], [4, 5]]); // prettier-ignore
    const outputs = [{ name: 'difference' }, { name: 'sum' }];
    expect(floatsOf(await client.infer('two', [a, b], { outputs }))).toEqual([[4, 5], [6, 7]]); // prettier-ignore
    expect(floatsOf(await client.infer('two', [a, b], { outputs: [{ name: 'sum' }] }))).toEqual([[6, 7]]);
  });

  it('a scalar has a shape without sizes', async () => {
    const reply = await client.infer('scalar', [{ name: 'x', ...pair([], [7]) }]);
    expect(reply.response.outputs).toMatchObject([{ name: 'x_out', shape: [] }]);
    expect(floatsOf(reply)).toEqual([[7]]);
  });

  const x = (more: object) => ({ name: 'x', datatype: 'FP32', shape: [1, 2], ...more });
  const raw = (length: number) => [Buffer.alloc(length)];
  it.each([
    ['too few bytes', 'fp32', { inputs: [x({})], raw_input_contents: raw(7) }, 'Input "x" has 7 bytes of data, and its shape needs 8.'],
    ['too many bytes', 'fp32', { inputs: [x({})], raw_input_contents: raw(9) }, 'Input "x" has 9 bytes of data, and its shape needs 8.'],
    ['no data at all', 'fp32', { inputs: [x({})] }, 'Input "x" has fewer values than the 2 of its shape.'],
    ['too few values', 'fp32', { inputs: [x({ contents: { fp32_contents: [1] } })] }, 'Input "x" has fewer values than the 2 of its shape.'],
    ['too many values', 'fp32', { inputs: [x({ contents: { fp32_contents: [1, 2, 3] } })] }, 'Input "x" has more values than the 2 of its shape.'],
    ['values of another type', 'fp32', { inputs: [x({ contents: { fp64_contents: [1, 2] } })] }, 'Input "x" has values in another field than fp32_contents, where those of FP32 belong.'],
    ['a number beyond its type', 'int8', { inputs: [x({ datatype: 'INT8', contents: { int_contents: [1, 300] } })] }, 'Input "x" holds a number in element 1 that is no INT8.'],
    ['a negative number beyond its type', 'uint8', { inputs: [x({ datatype: 'UINT8', contents: { uint_contents: [1, 256] } })] }, 'Input "x" holds a number in element 1 that is no UINT8.'],
    ['typed beside raw', 'fp32', { inputs: [x({ contents: { fp32_contents: [1, 2] } })], raw_input_contents: raw(8) }, 'Input "x" has contents beside raw_input_contents: send one of them.'],
    ['a raw part too few', 'two', { inputs: [x({ name: 'a' }), x({ name: 'b' })], raw_input_contents: raw(8) }, 'The message has 1 raw_input_contents for 2 inputs: it needs one for each.'],
    ['another datatype', 'fp32', { inputs: [x({ datatype: 'FP64' })], raw_input_contents: raw(16) }, 'Input "x" has another datatype: the model takes FP32[-1,-1].'],
    ['a datatype that there is not', 'fp32', { inputs: [x({ datatype: 'BF16' })], raw_input_contents: raw(4) }, 'Input "x" has another datatype: the model takes FP32[-1,-1].'],
    ['another number of dimensions', 'fp32', { inputs: [x({ shape: [2] })], raw_input_contents: raw(8) }, 'Input "x" must have 2 dimensions, and has 1: the model takes FP32[-1,-1].'],
    ['a negative size', 'fp32', { inputs: [x({ shape: [-1, 2] })], raw_input_contents: raw(8) }, 'Input "x" must have a shape of up to 64 whole numbers from 0 on.'],
    ['a size beyond all memory', 'fp32', { inputs: [x({ shape: ['4611686018427387904', 4] })], raw_input_contents: raw(8) }, 'Input "x" must have a shape of up to 64 whole numbers from 0 on.'],
    ['more elements than any tensor', 'fp32', { inputs: [x({ shape: [2 ** 50, 2 ** 50] })], raw_input_contents: raw(8) }, 'Input "x" has a shape that is larger than any tensor can be.'],
    ['many elements, few bytes', 'int64', { inputs: [x({ datatype: 'INT64', shape: [2 ** 40, 1], contents: { int64_contents: [1] } })] }, 'Input "x" has fewer values than the 1099511627776 of its shape.'],
    ['a thousand dimensions', 'fp32', { inputs: [x({ shape: Array.from({ length: 1000 }, () => 1) })], raw_input_contents: raw(4) }, 'Input "x" must have a shape of up to 64 whole numbers from 0 on.'],
    ['an input that there is not', 'fp32', { inputs: [x({}), x({ name: 'y' })], raw_input_contents: [...raw(8), ...raw(8)] }, 'Inputs[1], "y", is not an input of the model (it takes x).'],
    ['an input twice', 'fp32', { inputs: [x({}), x({})], raw_input_contents: [...raw(8), ...raw(8)] }, 'Input "x" is there twice.'],
    ['no input', 'fp32', {}, 'Input "x" is missing: the model takes FP32[-1,-1].'],
    ['an output that there is not', 'fp32', { inputs: [x({})], raw_input_contents: raw(8), outputs: [{ name: 'y' }] }, '"y" is not an output of the model (it has x_out).'],
    ['an output twice', 'fp32', { inputs: [x({})], raw_input_contents: raw(8), outputs: [{ name: 'x_out' }, { name: 'x_out' }] }, 'Output "x_out" is asked for twice.'],
    ['a text that is not UTF-8', 'bytes', { inputs: [x({ datatype: 'BYTES', shape: [1, 1], contents: { bytes_contents: [Buffer.from([0xff])] } })] }, 'Input "x" holds bytes in element 0 that are not UTF-8: the model takes texts.'],
    ['a text with U+0000', 'bytes', { inputs: [x({ datatype: 'BYTES', shape: [1, 1], contents: { bytes_contents: [Buffer.from('a\0b')] } })] }, 'Input "x" holds U+0000 in element 0: the runtime cuts a text there.'],
    ['a text longer than its bytes', 'bytes', { inputs: [x({ datatype: 'BYTES', shape: [1, 1] })], raw_input_contents: [Buffer.from([9, 0, 0, 0, 97])] }, 'Input "x" ends in the middle of element 0.'],
    ['a flag of 2', 'bool', { inputs: [x({ datatype: 'BOOL', shape: [1, 1] })], raw_input_contents: [Buffer.from([2])] }, 'Input "x" holds a byte in element 0 that is neither 0 nor 1.'],
  ])('%s: INVALID_ARGUMENT that names the tensor', async (_, model, request, details) => {
    const reply = await client.call('ModelInfer', { model_name: model, ...request });
    expect({ code: reply.code, details: reply.details }).toEqual({ code: 3, details });
    expect(reply.headers).toMatchObject({ 'x-model-name': model, 'x-model-version': '1' });
  }); // prettier-ignore

  it.each([
    ['an input in shared memory', { inputs: [x({ parameters: { shared_memory_region: { string_param: 'a' } } })] }],
    ['an output in shared memory', { outputs: [{ name: 'x_out', parameters: { shared_memory_region: { string_param: 'a' } } }] }],
    ['a classification', { outputs: [{ name: 'x_out', parameters: { classification: { int64_param: 3 } } }] }],
  ])('%s: UNIMPLEMENTED', async (_, more) => {
    const reply = await client.call('ModelInfer', { model_name: 'fp32', inputs: [x({})], raw_input_contents: raw(8), ...more });
    expect(reply.code).toBe(12);
  }); // prettier-ignore

  it('typed contents that protobuf did not encode are refused, whatever they are', async () => {
    // inputs { name: "x", datatype: "FP32", shape: 1,2, contents: <the rest> } of the model fp32
    const message = (contents: Uint8Array) => {
      const field = (tag: number, body: Uint8Array) => Buffer.concat([Buffer.from([tag, body.length]), body]);
      const input = [field(0x0a, Buffer.from('x')), field(0x12, Buffer.from('FP32')), field(0x1a, Buffer.from([1, 2]))];
      return Buffer.concat([
        field(0x0a, Buffer.from('fp32')),
        field(0x2a, Buffer.concat([...input, field(0x2a, contents)])),
      ]);
    };
    const path = '/inference.GRPCInferenceService/ModelInfer';
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 40 }), async (contents) => {
        const { code, details } = await client.sendBytes(path, message(contents)).reply;
        expect([0, 3]).toContain(code);
        if (code === 3) expect(details).toMatch(/^Input "x" ha/);
      }),
      { numRuns: 500 },
    );
  });
});
