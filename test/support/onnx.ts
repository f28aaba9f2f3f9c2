import protobuf from 'protobufjs';

const { Root } = protobuf;

/** Just enough of onnx.proto3 to write a model: names and field numbers are the format's own. */
const root = Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: f('int64', 1),
        producerName: f('string', 2),
        graph: f('GraphProto', 7),
        opsetImport: f('OperatorSet', 8, true),
      },
    },
    OperatorSet: { fields: { domain: f('string', 1), version: f('int64', 2) } },
    GraphProto: {
      fields: {
        node: f('NodeProto', 1, true),
        name: f('string', 2),
        initializer: f('TensorProto', 5, true),
        input: f('ValueInfo', 11, true),
        output: f('ValueInfo', 12, true),
      },
    },
    NodeProto: {
      fields: {
        input: f('string', 1, true),
        output: f('string', 2, true),
        name: f('string', 3),
        opType: f('string', 4),
        attribute: f('Attribute', 5, true),
        domain: f('string', 7),
      },
    },
    Attribute: {
      fields: {
        name: f('string', 1),
        f: f('float', 2),
        i: f('int64', 3),
        s: f('bytes', 4),
        t: f('TensorProto', 5),
        g: f('GraphProto', 6),
        floats: f('float', 7, true),
        ints: f('int64', 8, true),
        strings: f('bytes', 9, true),
        type: f('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: f('int64', 1, true),
        dataType: f('int32', 2),
        floatData: f('float', 4, true),
        int32Data: f('int32', 5, true),
        stringData: f('bytes', 6, true),
        int64Data: f('int64', 7, true),
        name: f('string', 8),
      },
    },
    ValueInfo: { fields: { name: f('string', 1), type: f('TypeProto', 2) } },
    TypeProto: { fields: { tensorType: f('TensorType', 1), sequenceType: f('SequenceType', 4) } },
    SequenceType: { fields: { elemType: f('TypeProto', 1) } },
    TensorType: { fields: { elemType: f('int32', 1), shape: f('Shape', 2) } },
    Shape: { fields: { dim: f('Dimension', 1, true) } },
    Dimension: { fields: { dimValue: f('int64', 1), dimParam: f('string', 2) } },
  },
});

function f(type: string, id: number, repeated = false) {
  return repeated ? { type, id, rule: 'repeated' } : { type, id };
}

const ELEMENT_TYPES = {
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
export type ElementType = keyof typeof ELEMENT_TYPES;

export interface TensorSpec {
  name: string;
  type?: ElementType;
  shape: (number | string)[];
  /** A sequence of such tensors instead of one. */
  sequence?: boolean;
}

export interface NodeSpec {
  op: string;
  inputs: string[];
  outputs: string[];
  name?: string;
  domain?: string;
  attributes?: Record<string, number | string | number[] | { float: number } | { floats: number[] }>;
}

export interface Constant {
  name: string;
  type?: ElementType;
  shape: number[];
  values: number[];
}

export interface GraphSpec {
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  nodes: NodeSpec[];
  constants?: Constant[];
  opset?: number;
}

/** Writes a real ONNX file. */
export function onnxModel({ inputs, outputs, nodes, constants = [], opset = 17 }: GraphSpec): Uint8Array {
  const model = root.lookupType('ModelProto');
  return model
    .encode(
      model.fromObject({
        irVersion: 8,
        producerName: 'nestor-tests',
        opsetImport: [
          { domain: '', version: opset },
          { domain: 'ai.onnx.ml', version: 3 },
        ],
        graph: {
          name: 'graph',
          node: nodes.map(toNode),
          initializer: constants.map(toInitializer),
          input: inputs.map(toValueInfo),
          output: outputs.map(toValueInfo),
        },
      }),
    )
    .finish();
}

/** A graph that gives each input back under another name, as it is. */
export function identityModel(...tensors: TensorSpec[]): Uint8Array {
  return onnxModel({
    inputs: tensors,
    outputs: tensors.map((tensor) => ({ ...tensor, name: `${tensor.name}_out` })),
    nodes: tensors.map(({ name }) => ({ op: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
  });
}

/** A linear model: `score [N,1] = x [N,weights.length] · weights + bias`. */
export function linearModel(weights: number[], bias = 0): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', shape: ['N', weights.length] }],
    outputs: [{ name: 'score', shape: ['N', 1] }],
    nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['score'] }],
    constants: [
      { name: 'w', shape: [weights.length, 1], values: weights },
      { name: 'b', shape: [1], values: [bias] },
    ],
  });
}

function toValueInfo({ name, type = 'float32', shape, sequence = false }: TensorSpec) {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  const tensor = { tensorType: { elemType: ELEMENT_TYPES[type], shape: { dim } } };
  return { name, type: sequence ? { sequenceType: { elemType: tensor } } : tensor };
}

function toInitializer({ name, type = 'float32', shape, values }: Constant) {
  const data =
    type === 'float32' ? { floatData: values } : type === 'int64' ? { int64Data: values } : { int32Data: values };
  return { name, dims: shape, dataType: ELEMENT_TYPES[type], ...data };
}

function toNode({ op, inputs, outputs, name = '', domain = '', attributes = {} }: NodeSpec) {
  return {
    input: inputs,
    output: outputs,
    name,
    opType: op,
    domain,
    attribute: Object.entries(attributes).map(toAttribute),
  };
}

function toAttribute([name, value]: [string, NonNullable<NodeSpec['attributes']>[string]]) {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: Buffer.from(value) };
  if (Array.isArray(value)) return { name, type: 7, ints: value };
  return 'float' in value ? { name, type: 1, f: value.float } : { name, type: 6, floats: value.floats };
}
