import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { DomainError } from '../../common/errors.js';
import { type Tensor } from '../../inference/tensor.js';
import { readInferRequest } from './infer-request.js';
import { writeInferResponse } from './infer-response.js';

const root = protobuf.loadSync(join(import.meta.dirname, 'inference.proto'));
const Request = root.lookupType('inference.ModelInferRequest');
const Response = root.lookupType('inference.ModelInferResponse');

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
const value = fc.oneof(
  fc.boolean().map((boolParam) => ({ boolParam })),
  fc.maxSafeInteger().map((int64Param) => ({ int64Param })),
  text.map((stringParam) => ({ stringParam })),
  fc.double({ noNaN: true }).map((doubleParam) => ({ doubleParam })),
  fc.maxSafeNat().map((uint64Param) => ({ uint64Param })),
);
const parameters = fc.dictionary(text, value, { maxKeys: 3, noNullPrototype: true });
const size = fc.oneof(fc.nat(1000), fc.maxSafeInteger());
const input = fc.record({ name: text, datatype: text, shape: fc.array(size, { maxLength: 5 }), parameters });
const request = fc.record({
  modelName: text,
  modelVersion: text,
  id: text,
  parameters,
  inputs: fc.array(input, { maxLength: 3 }),
  outputs: fc.array(fc.record({ name: text, parameters }), { maxLength: 3 }),
  rawInputContents: fc.array(bytes, { maxLength: 3 }),
});

/** What a message says as the library's own decoder reads it. */
function plain(parameters: Record<string, object>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parameters).map(([name, one]) => [name, Object.values(one)[0] as unknown]));
}

describe('ModelInferRequest', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(request, (sent) => {
        const read = readInferRequest(Buffer.from(Request.encode(Request.fromObject(sent)).finish()));
        expect(read).toEqual({
          model: sent.modelName,
          version: sent.modelVersion,
          id: sent.id,
          parameters: plain(sent.parameters),
          inputs: sent.inputs.map((one) => ({ ...one, parameters: plain(one.parameters), contents: undefined })),
          outputs: sent.outputs.map((one) => ({ ...one, parameters: plain(one.parameters) })),
          raw: sent.rawInputContents,
        });
      }),
      { numRuns: 500 },
    );
  });

  it('views its tensors where they lie', () => {
    const message = Buffer.from(Request.encode({ rawInputContents: [Buffer.from('12345678')] }).finish());
    const [raw] = readInferRequest(message).raw;
    expect(raw?.buffer).toBe(message.buffer);
    expect(raw?.toString()).toBe('12345678');
  });

  it('that is cut, changed, or nothing of the kind is refused or read, and never more', () => {
    const broken = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(request, fc.nat(), fc.nat(255), fc.boolean()).map(([sent, at, byte, isCut]) => {
        const whole = Request.encode(Request.fromObject(sent)).finish();
        if (isCut) return whole.slice(0, at % (whole.length + 1));
        if (whole.length > 0) whole[at % whole.length] = byte;
        return whole;
      }),
    );
    fc.assert(
      fc.property(broken, (message) => {
        try {
          readInferRequest(Buffer.from(message));
        } catch (error) {
          expect(error).toBeInstanceOf(DomainError);
          expect(error).toMatchObject({ code: 'validation_failed' });
        }
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['inputs', 0x2a],
    ['outputs', 0x32],
    ['parameters', 0x22],
    ['raw_input_contents', 0x3a],
  ])('with a million empty %s costs no more than to refuse it', (_, tag) => {
    const message = Buffer.alloc(2_000_000);
    for (let at = 0; at < message.length; at += 2) message[at] = tag;
    expect(() => readInferRequest(message)).toThrow('more than 1024');
  });
});

describe('ModelInferResponse', () => {
  it('is written as the library reads it', () => {
    const tensor = fc.oneof(
      fc.array(fc.float({ noNaN: true }), { maxLength: 6 }).map<Tensor>((values) => ({
        type: 'float32',
        dims: [values.length],
        data: Float32Array.from(values),
      })),
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 6 }).map<Tensor>((values) => ({
        type: 'int64',
        dims: [1, values.length],
        data: BigInt64Array.from(values),
      })),
    );
    const outputs = fc.array(fc.record({ name: text, tensor }), { maxLength: 3 });
    fc.assert(
      fc.property(text, text, text, outputs, (model, version, id, named) => {
        const message = Response.decode(writeInferResponse({ model, version, outputs: named }, id));
        const read = Response.toObject(message, { longs: Number, defaults: true });
        expect(read).toMatchObject({ modelName: model, modelVersion: version, id });
        expect(read.outputs).toEqual(
          named.map(({ name, tensor: { type, dims } }) => ({
            name,
            datatype: type === 'int64' ? 'INT64' : 'FP32',
            shape: dims,
            parameters: {},
            contents: null,
          })),
        );
        expect((read.rawOutputContents as Buffer[]).map((one) => one.toString('hex'))).toEqual(
          named.map(({ tensor: { data } }) => Buffer.from((data as Float32Array).buffer).toString('hex')),
        );
      }),
    );
  });
});
