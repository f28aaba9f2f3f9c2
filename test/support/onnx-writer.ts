import protobuf from 'protobufjs';

const { Root } = protobuf;

function one(type: string, id: number) {
  return { type, id };
}

function many(type: string, id: number) {
  return { type, id, rule: 'repeated' };
}

/** onnx.proto3, as far as tests of the graph's analysis write it: subgraphs and raw data, too. */
const root = Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: one('int64', 1),
        producerName: one('string', 2),
        producerVersion: one('string', 3),
        graph: one('GraphProto', 7),
        opsetImport: many('OperatorSet', 8),
        metadataProps: many('Property', 14),
        functions: many('FunctionProto', 25),
      },
    },
    OperatorSet: { fields: { domain: one('string', 1), version: one('int64', 2) } },
    Property: { fields: { key: one('string', 1), value: one('string', 2) } },
    FunctionProto: {
      fields: {
        name: one('string', 1),
        input: many('string', 4),
        output: many('string', 5),
        node: many('NodeProto', 7),
        opsetImport: many('OperatorSet', 9),
        domain: one('string', 10),
      },
    },
    GraphProto: {
      fields: {
        node: many('NodeProto', 1),
        name: one('string', 2),
        initializer: many('TensorProto', 5),
        input: many('ValueInfo', 11),
        output: many('ValueInfo', 12),
        sparseInitializer: many('SparseTensor', 15),
      },
    },
    NodeProto: {
      fields: {
        input: many('string', 1),
        output: many('string', 2),
        name: one('string', 3),
        opType: one('string', 4),
        attribute: many('Attribute', 5),
        domain: one('string', 7),
      },
    },
    Attribute: {
      fields: {
        name: one('string', 1),
        f: one('float', 2),
        i: one('int64', 3),
        s: one('bytes', 4),
        t: one('TensorProto', 5),
        g: one('GraphProto', 6),
        floats: many('float', 7),
        ints: many('int64', 8),
        strings: many('bytes', 9),
        type: one('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: many('int64', 1),
        dataType: one('int32', 2),
        floatData: many('float', 4),
        int32Data: many('int32', 5),
        stringData: many('bytes', 6),
        int64Data: many('int64', 7),
        name: one('string', 8),
        rawData: one('bytes', 9),
        externalData: many('Property', 13),
        dataLocation: one('int32', 14),
      },
    },
    SparseTensor: { fields: { values: one('TensorProto', 1), indices: one('TensorProto', 2), dims: many('int64', 3) } },
    ValueInfo: { fields: { name: one('string', 1), type: one('TypeProto', 2) } },
    TypeProto: {
      fields: { tensorType: one('TensorType', 1), sequenceType: one('SequenceType', 4), mapType: one('MapType', 5) },
    },
    SequenceType: { fields: { elemType: one('TypeProto', 1) } },
    MapType: { fields: { keyType: one('int32', 1), valueType: one('TypeProto', 2) } },
    TensorType: { fields: { elemType: one('int32', 1), shape: one('Shape', 2) } },
    Shape: { fields: { dim: many('Dimension', 1) } },
    Dimension: { fields: { dimValue: one('int64', 1), dimParam: one('string', 2) } },
  },
});
const Model = root.lookupType('ModelProto');

const TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const;
export type ElementType = keyof typeof TYPES;
/** Symbols are strings; an unnamed one is ''. */
export type Shape = readonly (number | string)[];

export interface Port {
  type?: ElementType;
  /** Undefined: not declared. */
  shape?: Shape | undefined;
  /** A sequence of such tensors instead of one. */
  sequence?: boolean;
}

export interface Tensor {
  type: ElementType;
  shape: readonly number[];
  values: readonly (number | string)[];
}

export type Attribute =
  | number
  | string
  | readonly number[]
  | { float: number }
  | { floats: readonly number[] }
  | { texts: readonly string[] }
  | { tensor: Tensor }
  | { graph: Graph };

export interface Node {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  name?: string;
  domain?: string;
  attributes?: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  inputs?: Readonly<Record<string, Port>>;
  outputs: Readonly<Record<string, Port>>;
  nodes: readonly Node[];
  constants?: Readonly<Record<string, Tensor>>;
}

export interface ModelOptions {
  opset?: number;
  ml?: number;
  functions?: readonly { name: string; domain: string; inputs: string[]; outputs: string[]; nodes: Node[] }[];
  metadata?: Readonly<Record<string, string>>;
}

/** Writes a real .onnx file. */
export function writeModel(
  graph: Graph,
  { opset = 17, ml = 3, functions = [], metadata = {} }: ModelOptions = {},
): Uint8Array {
  const opsets = [
    { domain: '', version: opset },
    { domain: 'ai.onnx.ml', version: ml },
    { domain: 'com.microsoft', version: 1 },
    ...functions.filter(({ domain }) => domain).map(({ domain }) => ({ domain, version: 1 })),
  ];
  return encodeModel({
    irVersion: 8,
    producerName: 'nestor-tests',
    producerVersion: '1.2',
    opsetImport: opsets,
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: toGraph(graph),
    functions: functions.map(({ name, domain, inputs, outputs, nodes }) => ({
      name,
      domain,
      input: inputs,
      output: outputs,
      node: nodes.map(toNode),
      opsetImport: opsets,
    })),
  });
}

/** Encodes a model given field by field, as onnx.proto3 names them in camel case. */
export function encodeModel(message: Record<string, unknown>): Uint8Array {
  return Model.encode(Model.fromObject(message)).finish();
}

/** A node by its operator; what it writes is its name, too. */
export function node(
  op: string,
  inputs: readonly string[],
  output: string | readonly string[],
  attributes: Node['attributes'] = {},
  domain = '',
): Node {
  const outputs = typeof output === 'string' ? [output] : output;
  return { op, inputs, outputs, attributes, domain, name: `${outputs[0] ?? ''}_node` };
}

export function floats(shape: readonly number[], values: readonly number[]): Tensor {
  return { type: 'float32', shape, values };
}

export function ints(...values: number[]): Tensor {
  return { type: 'int64', shape: [values.length], values };
}

export function scalar(value: number, type: ElementType = 'int64'): Tensor {
  return { type, shape: [], values: [value] };
}

export function toGraph({ inputs = {}, outputs, nodes, constants = {} }: Graph) {
  return {
    name: 'graph',
    node: nodes.map(toNode),
    initializer: Object.entries(constants).map(([name, tensor]) => ({ ...toTensor(tensor), name })),
    input: Object.entries(inputs).map(toValueInfo),
    output: Object.entries(outputs).map(toValueInfo),
  };
}

function toNode({ op, inputs, outputs, name = '', domain = '', attributes = {} }: Node) {
  const attribute = Object.entries(attributes).map(([key, value]) => ({ name: key, ...toAttribute(value) }));
  return { input: inputs, output: outputs, name, opType: op, domain, attribute };
}

function toAttribute(value: Attribute): Record<string, unknown> {
  if (typeof value === 'number') return { type: 2, i: value };
  if (typeof value === 'string') return { type: 3, s: Buffer.from(value) };
  if ('float' in value) return { type: 1, f: value.float };
  if ('floats' in value) return { type: 6, floats: value.floats };
  if ('texts' in value) return { type: 8, strings: value.texts.map((text) => Buffer.from(text)) };
  if ('tensor' in value) return { type: 4, t: toTensor(value.tensor) };
  if ('graph' in value) return { type: 5, g: toGraph(value.graph) };
  return { type: 7, ints: value };
}

function toTensor({ type, shape, values }: Tensor): Record<string, unknown> {
  const header = { dims: shape, dataType: TYPES[type] };
  if (type === 'string') return { ...header, stringData: values.map((value) => Buffer.from(String(value))) };
  if (type === 'float32') return { ...header, floatData: values };
  return type === 'int64' ? { ...header, int64Data: values } : { ...header, int32Data: values };
}

function toValueInfo([name, { type = 'float32', shape, sequence = false }]: [string, Port]) {
  const dim = shape?.map((size) => (typeof size === 'number' ? { dimValue: size } : size ? { dimParam: size } : {}));
  const tensor = { tensorType: { elemType: TYPES[type], ...(dim ? { shape: { dim } } : {}) } };
  return { name, type: sequence ? { sequenceType: { elemType: tensor } } : tensor };
}

/** `score [N,1] = weight · x [N,1]`, through a matrix of so many MB: it takes that memory, and threads of its own. */
export function heavyModel(weight: number, megabytes: number): Uint8Array {
  const width = Math.floor(Math.sqrt((megabytes * 1024 ** 2) / Float32Array.BYTES_PER_ELEMENT));
  const tensor = (name: string, rows: number, columns: number, values: Record<number, number>) => {
    const data = Object.assign(new Float32Array(rows * columns), values);
    return { name, dims: [rows, columns], dataType: 1, rawData: Buffer.from(data.buffer) };
  };
  const port = (name: string) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: 1 }] } } },
  });
  return encodeModel({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'graph',
      node: [
        { opType: 'MatMul', input: ['x', 'first'], output: ['wide'] },
        { opType: 'MatMul', input: ['wide', 'matrix'], output: ['through'] },
        { opType: 'MatMul', input: ['through', 'last'], output: ['score'] },
      ],
      initializer: [
        tensor('first', 1, width, { 0: weight }),
        tensor('matrix', width, width, { 0: 1 }),
        tensor('last', width, 1, { 0: 1 }),
      ],
      input: [port('x')],
      output: [port('score')],
    },
  });
}
