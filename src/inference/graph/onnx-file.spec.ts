import { describe, expect, it } from '@jest/globals';
import { encodeModel, floats, ints, node, scalar, toGraph, writeModel } from '../../../test/support/onnx-writer.js';
import { OnnxFileProblem, readOnnx } from './onnx-file.js';
import { readGraph } from './onnx-graph.js';

const RELU = { nodes: [node('Relu', ['x'], 'y')], inputs: { x: { shape: ['N', 3] } }, outputs: { y: {} } };

describe('reading an ONNX file', () => {
  it('says who made it, for which operators, and with what notes', () => {
    const model = readOnnx(writeModel(RELU, { opset: 18, metadata: { trained_on: '2026-05-04' } }));
    expect(model).toMatchObject({ irVersion: 8, producer: { name: 'nestor-tests', version: '1.2' } });
    expect([...model.opsets]).toEqual([['', 18], ['ai.onnx.ml', 3], ['com.microsoft', 1]]); // prettier-ignore
    expect([...model.metadata]).toEqual([['trained_on', '2026-05-04']]);
  });

  it('gives inputs and outputs as declared', () => {
    const graph = toGraph({
      ...RELU,
      inputs: {
        named: { shape: ['N', 3] },
        unnamed: { type: 'int64', shape: ['', 2] },
        scalar: { type: 'string', shape: [] },
        anything: {},
      },
    });
    const minusOne = { tensorType: { elemType: 1, shape: { dim: [{ dimValue: -1 }, { dimValue: 0 }] } } };
    const list = { sequenceType: { elemType: { mapType: { keyType: 7 } } } };
    const input = [...(graph.input as unknown[]), { name: 'any', type: minusOne }, { name: 'list', type: list }];
    expect(readOnnx(encodeModel({ graph: { ...graph, input } })).graph.inputs).toEqual([
      { name: 'named', kind: 'tensor', type: 'float32', shape: ['N', 3] },
      { name: 'unnamed', kind: 'tensor', type: 'int64', shape: ['', 2] },
      { name: 'scalar', kind: 'tensor', type: 'string', shape: [] },
      { name: 'anything', kind: 'tensor', type: 'float32', shape: undefined },
      { name: 'any', kind: 'tensor', type: 'float32', shape: ['', 0] },
      { name: 'list', kind: 'sequence', type: undefined, shape: undefined },
    ]);
  });

  it('gives nodes with their attributes', () => {
    const inner = { nodes: [node('Neg', ['a'], 'b')], inputs: { a: { shape: [2] } }, outputs: { b: {} } };
    const attributes = {
      int: -3,
      float: { float: 0.5 },
      text: 'höher',
      ints: [1, -1, 2 ** 40],
      floats: { floats: [0.5, -0.25] },
      texts: { texts: ['a', ''] },
      tensor: { tensor: ints(1, 2) },
      graph: { graph: inner },
    };
    const [read] = readOnnx(writeModel({ ...RELU, nodes: [node('Odd', ['x', '', 'c'], ['y', ''], attributes, 'own')] }))
      .graph.nodes;
    expect(read).toMatchObject({
      name: 'y_node',
      operator: 'Odd',
      domain: 'own',
      inputs: ['x', '', 'c'],
      outputs: ['y', ''],
    });
    const found = read?.attributes;
    expect(found?.get('int')?.int()).toBe(-3);
    expect(found?.get('float')?.float()).toBe(0.5);
    expect(found?.get('text')?.text()).toBe('höher');
    expect(found?.get('ints')?.ints()).toEqual([1, -1, 2 ** 40]);
    expect(found?.get('ints')?.greatest()).toBe(2 ** 40);
    expect(found?.get('floats')?.count('floats')).toBe(2);
    expect(found?.get('texts')?.texts()).toEqual(['a', '']);
    expect(found?.get('texts')?.includes('a')).toBe(true);
    expect(found?.get('tensor')?.tensor().values).toEqual([1, 2]);
    const subgraph = found?.get('graph')?.graph();
    expect(subgraph && readGraph(subgraph.again())).toMatchObject({
      inputs: [{ name: 'a' }],
      nodes: [{ operator: 'Neg' }],
    });
    expect(() => found?.get('int')?.ints()).toThrow('its attribute "int" is of another type than it must be');
  });

  it('keeps the values of small constants, however they are stored', () => {
    const raw = Buffer.alloc(16);
    raw.writeBigInt64LE(7n);
    raw.writeBigInt64LE(-1n, 8);
    const graph = {
      ...toGraph({
        ...RELU,
        constants: { typed: ints(1, -2), scalar: scalar(3), flags: { type: 'bool', shape: [2], values: [0, 1] } },
      }),
    };
    const initializer = [
      ...(graph.initializer as unknown[]),
      { name: 'raw', dims: [2], dataType: 7, rawData: raw },
      { name: 'halves', dims: [1], dataType: 10, rawData: Buffer.alloc(2) },
      { name: 'elsewhere', dims: [2], dataType: 7, dataLocation: 1 },
      { name: 'short', dims: [3], dataType: 7, int64Data: [1] },
      { name: 'large', dims: [2000], dataType: 7, rawData: Buffer.alloc(16000) },
    ];
    const sparse = [
      {
        values: { name: 'sparse', dims: [1], dataType: 1, floatData: [2] },
        indices: { dims: [1], dataType: 7 },
        dims: [3, 4],
      },
    ];
    const { initializers } = readOnnx(
      encodeModel({ graph: { ...graph, initializer, sparseInitializer: sparse } }),
    ).graph;
    const values = Object.fromEntries([...initializers].map(([name, tensor]) => [name, tensor.values]));
    expect(values).toEqual({
      typed: [1, -2],
      scalar: [3],
      flags: [0, 1],
      raw: [7, -1],
      halves: undefined,
      elsewhere: undefined,
      short: undefined,
      large: undefined,
      sparse: undefined,
    });
    expect(initializers.get('sparse')).toMatchObject({ type: 'float32', dims: [3, 4] });
  });

  it('does not copy weights', () => {
    const weights = floats([256, 256], new Array<number>(65_536).fill(0.5));
    const bytes = writeModel({ ...RELU, constants: { weights } });
    const before = process.memoryUsage().arrayBuffers;
    const models = Array.from({ length: 50 }, () => readOnnx(bytes));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bytes.byteLength);
    expect(models[0]?.graph.initializers.get('weights')).toMatchObject({ dims: [256, 256], values: undefined });
  });
});

describe('a file that is not what it should be', () => {
  const whole = writeModel({ ...RELU, constants: { c: ints(1, 2, 3) } });

  it('is refused in plain words wherever it ends too early', () => {
    for (let length = 0; length < whole.length; length++) {
      let problem: unknown;
      try {
        readOnnx(whole.subarray(0, length));
      } catch (error) {
        problem = error;
      }
      if (problem) expect(problem).toBeInstanceOf(OnnxFileProblem);
    }
    expect(() => readOnnx(whole.subarray(0, whole.length - 40))).toThrow(/truncated/);
    expect(() => readOnnx(new Uint8Array())).toThrow('has no graph: it is truncated, or another format');
    expect(() => readOnnx(Buffer.from('<html></html>'))).toThrow(OnnxFileProblem);
  });

  it('is refused, or read, and nothing worse, whatever byte is another', () => {
    for (let place = 0; place < whole.length; place++) {
      for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
        const changed = Uint8Array.from(whole);
        changed[place] = byte;
        try {
          readOnnx(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(OnnxFileProblem);
        }
      }
    }
  });

  it.each<[string, Record<string, unknown> | Uint8Array, string]>([
    ['two graphs, of which the runtime would make one', Buffer.concat([whole, writeModel(RELU)]), 'holds a part twice'],
    [
      'two versions of the same operators',
      { opsetImport: [{ version: 17 }, { domain: 'ai.onnx', version: 11 }] },
      'two versions',
    ],
    [
      'two constants of one name',
      {
        graph: {
          initializer: [
            { name: 'a', dims: [1] },
            { name: 'a', dims: [2] },
          ],
        },
      },
      'two constants "a"',
    ],
    ['a constant of a negative size', { graph: { initializer: [{ name: 'a', dims: [-2] }] } }, 'negative size'],
    ['a name that is not text', Buffer.from([0x12, 0x02, 0xff, 0xfe]), 'not UTF-8'],
    [
      'a value of two types',
      { graph: { input: [{ name: 'x', type: { tensorType: {}, sequenceType: {} } }] } },
      'two types',
    ],
  ])('is refused for %s', (_, content, reason) => {
    const bytes = content instanceof Uint8Array ? content : encodeModel({ graph: {}, ...content });
    expect(() => readOnnx(bytes)).toThrow(reason);
    expect(() => readOnnx(bytes)).toThrow(OnnxFileProblem);
  });

  it('is refused when it has parts without end', () => {
    const parts = Buffer.concat(new Array<Buffer>(1_100_000).fill(field(1)));
    expect(() => readOnnx(field(7, parts))).toThrow('too many parts');
  });

  it('is read when its graphs nest without end, as long as nobody follows them', () => {
    let graph = field(1);
    for (let depth = 0; depth < 500; depth++) graph = field(1, field(5, field(6, graph)));
    const [node] = readOnnx(field(7, graph)).graph.nodes;
    const attribute = () => [...(node?.attributes.values() ?? [])].map((one) => one.graph());
    expect(attribute).toThrow(OnnxFileProblem);
  });
});

/** A message as a field of another. */
function field(number: number, content: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, ...varint(content.length)]), content]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
