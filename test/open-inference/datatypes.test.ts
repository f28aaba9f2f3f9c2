import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ElementType } from '../support/onnx-writer.js';
import { identityModel } from '../support/onnx.js';
import { ModelFolder } from '../support/model-folder.js';
import { Service } from '../support/service.js';
import { Client } from './client.js';

/** Values of a datatype: as JSON has them, and as bytes. The first are the smallest and the largest. */
interface Samples {
  type: ElementType;
  values: readonly unknown[];
  bytes: (values: readonly unknown[]) => Uint8Array;
  any: fc.Arbitrary<unknown>;
}

const numbers = (Kind: new (values: number[]) => ArrayBufferView) => (values: readonly unknown[]) =>
  bytesOf(new Kind(values as number[]));
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
const longs = (Kind: typeof BigInt64Array | typeof BigUint64Array) => (values: readonly unknown[]) =>
  bytesOf(Kind.from(values.map((value) => BigInt(String(value)))));
const texts = (values: readonly unknown[]) =>
  Buffer.concat(
    values.flatMap((value) => {
      const text = Buffer.from(value as string);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
const integer = (min: number, max: number) => fc.integer({ min, max });
const exact = (min: bigint, max: bigint) => fc.bigInt({ min, max }).map((value) => new Exact(String(value)));

/** An integer that is written with all its digits. */
class Exact {
  constructor(readonly digits: string) {}
  toString() {
    return this.digits;
  }
}

/** JSON.stringify would write 0. */
const float = (value: number) => (Object.is(value, -0) ? new Exact('-0') : value);
const SAMPLES: Record<string, Samples> = {
  BOOL: { type: 'bool', values: [false, true, true], bytes: numbers(Uint8Array), any: fc.boolean() },
  UINT8: { type: 'uint8', values: [0, 255, 7], bytes: numbers(Uint8Array), any: integer(0, 255) },
  UINT16: { type: 'uint16', values: [0, 65_535, 7], bytes: numbers(Uint16Array), any: integer(0, 65_535) },
  UINT32: {
    type: 'uint32',
    values: [0, 2 ** 32 - 1, 7],
    bytes: numbers(Uint32Array),
    any: fc.nat(2 ** 31 - 1),
  },
  UINT64: {
    type: 'uint64',
    values: [0, new Exact('18446744073709551615'), new Exact('9007199254740993')],
    bytes: longs(BigUint64Array),
    any: exact(0n, 2n ** 64n - 1n),
  },
  INT8: { type: 'int8', values: [-128, 127, 0], bytes: numbers(Int8Array), any: integer(-128, 127) },
  INT16: {
    type: 'int16',
    values: [-32_768, 32_767, 0],
    bytes: numbers(Int16Array),
    any: integer(-32_768, 32_767),
  },
  INT32: {
    type: 'int32',
    values: [-(2 ** 31), 2 ** 31 - 1, 0],
    bytes: numbers(Int32Array),
    any: fc.integer(),
  },
  INT64: {
    type: 'int64',
    values: [new Exact('-9223372036854775808'), new Exact('9223372036854775807'), -4_294_967_297],
    bytes: longs(BigInt64Array),
    any: fc.oneof(exact(-(2n ** 63n), 2n ** 63n - 1n), fc.maxSafeInteger()),
  },
  FP16: {
    type: 'float16',
    values: [-65_504, 65_504, 0.0999755859375],
    bytes: numbers(Float16Array),
    any: fc.double({ min: -65_504, max: 65_504, noNaN: true }).map((value) => float(Math.f16round(value))),
  },
  FP32: {
    type: 'float32',
    values: [-3.4028235e38, 3.4028235e38, 0.1],
    bytes: numbers(Float32Array),
    any: fc.float({ noNaN: true, noDefaultInfinity: true }).map(float),
  },
  FP64: {
    type: 'float64',
    values: [-Number.MAX_VALUE, Number.MAX_VALUE, 0.1],
    bytes: numbers(Float64Array),
    any: fc.double({ noNaN: true, noDefaultInfinity: true }).map(float),
  },
  BYTES: {
    type: 'string',
    values: ['', 'Ω🎉\n"', 'a,b'],
    bytes: texts,
    any: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  },
};

/** JSON in which integers keep all their digits. */
function stringify(request: object): Buffer {
  const text = JSON.stringify(request, (_, value: unknown) => (value instanceof Exact ? `§${value.digits}§` : value));
  return Buffer.from(text.replaceAll(/"§(-?\d+)§"/g, '$1'));
}

function nested(values: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined) return values[0];
  const step = values.length / size;
  return Array.from({ length: size }, (_, index) => nested(values.slice(index * step, (index + 1) * step), rest));
}

let folder: ModelFolder;
let service: Service;
let client: Client;
beforeAll(async () => {
  folder = await ModelFolder.with();
  for (const [datatype, { type }] of Object.entries(SAMPLES)) {
    await folder.write(`${datatype}-rows/1/model.onnx`, identityModel({ name: 'x', type, shape: ['N', 3] }));
    await folder.write(`${datatype}-any/1/model.onnx`, identityModel({ name: 'x', type, shape: ['a', 'b', 'c'] }));
  }
  service = await Service.start({ MODELS_DIR: folder.path });
  client = new Client(service);
});
afterAll(async () => {
  await service.stop();
  await folder.remove();
});

describe.each(Object.entries(SAMPLES))('%s', (datatype, { values, bytes, any }) => {
  const rows = `${datatype}-rows`;
  const sent = Buffer.from(bytes(values));
  const isBinary = { binary_data_output: true };
  const isSame = (bytesBack: Buffer | undefined, wanted: Uint8Array) => bytesBack?.equals(Buffer.from(wanted)) ?? false;
  /** What JSON gives back, as bytes: two texts of a float may be the same number. */
  const back = (data: unknown[] | undefined, text: string) =>
    Buffer.from(bytes(datatype.endsWith('64') ? exactly(text) : (data ?? [])));
  const exactly = (text: string) =>
    datatype === 'FP64' ? (JSON.parse(text) as { outputs: [{ data: number[] }] }).outputs[0].data : (/"data":\[([^\]]*)\]/.exec(text)?.[1] ?? '').split(',').filter(Boolean); // prettier-ignore

  async function text(model: string, request: object) {
    const response = await fetch(`${service.url}/v2/models/${model}/infer`, {
      method: 'POST',
      body: stringify(request),
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
    return response.text();
  }

  it.each(['rows', 'any'])('JSON, flat and nested, and binary, all to both: %s', async (kind) => {
    const model = `${datatype}-${kind}`;
    const shape = kind === 'rows' ? [1, 3] : [1, 3, 1];
    for (const data of [values, nested(values, shape)]) {
      const answer = await text(model, { inputs: [{ name: 'x', shape, datatype, data }] });
      const [output] = (JSON.parse(answer) as { outputs: { data: unknown[] }[] }).outputs;
      expect(output).toMatchObject({ name: 'x_out', shape, datatype });
      expect(isSame(back(output?.data, answer), sent)).toBe(true);
      const request = { inputs: [{ name: 'x', shape, datatype, data }], parameters: isBinary };
      const { outputs } = await client.send(model, stringify(request));
      expect(outputs).toEqual([{ name: 'x_out', shape, datatype, bytes: sent }]);
    }
    const input = { name: 'x', shape, datatype, parameters: { binary_data_size: sent.length } };
    const binary = await client.inferBinary(model, { inputs: [input], parameters: isBinary }, [sent]);
    expect(binary.outputs).toEqual([{ name: 'x_out', shape, datatype, bytes: sent }]);
    const asked = { outputs: [{ name: 'x_out', parameters: { binary_data: false } }], parameters: isBinary };
    const mixed = await client.inferBinary(model, { inputs: [input], ...asked }, [sent]);
    expect(mixed.outputs[0]?.data).toHaveLength(3);
  });

  it('gives back whatever it is given, alone or with others, whatever the form', async () => {
    const request = fc.record({
      table: fc.array(fc.array(any, { minLength: 3, maxLength: 3 }), { minLength: 0, maxLength: 5 }),
      form: fc.constantFrom('flat', 'nested', 'binary'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), async (requests) => {
        const ask = async ({ table, form }: (typeof requests)[number]) => {
          const flat = table.flat();
          const raw = Buffer.from(bytes(flat));
          const shape = [table.length, 3];
          const input = { name: 'x', shape, datatype };
          const parameters = isBinary;
          const answer =
            form === 'binary'
              ? client.inferBinary(rows, { inputs: [{ ...input, parameters: { binary_data_size: raw.length } }], parameters }, [raw]) // prettier-ignore
              : client.send(rows, stringify({ inputs: [{ ...input, data: form === 'flat' ? flat : table }], parameters })); // prettier-ignore
          const { json, outputs } = await answer;
          expect(json.error).toBeUndefined();
          expect(outputs[0]?.shape).toEqual(shape);
          expect(isSame(outputs[0]?.bytes, raw)).toBe(true);
          const inJson = await text(rows, { inputs: [{ ...input, data: flat }] });
          expect(isSame(back((JSON.parse(inJson) as { outputs: { data: unknown[] }[] }).outputs[0]?.data, inJson), raw)).toBe(true); // prettier-ignore
        };
        await Promise.all(requests.map(ask));
      }),
      { numRuns: 8 },
    );
  });

  it('takes a raw body as its one input', async () => {
    const { status, outputs } = await client.send(rows, sent, { 'Inference-Header-Content-Length': '0' });
    if (datatype === 'BYTES')
      expect(status).toBe(400); // [-1,3] takes more than one text
    else expect(outputs).toEqual([{ name: 'x_out', shape: [1, 3], datatype, bytes: sent }]);
  });
});
