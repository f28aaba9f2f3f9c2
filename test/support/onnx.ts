import { type Attribute, type ElementType, type Graph, writeModel } from './onnx-writer.js';

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
  attributes?: Record<string, Attribute>;
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

/** Writes a real ONNX file, from lists in which each tensor has its name. */
export function onnxModel({ inputs, outputs, nodes, constants = [], opset = 17 }: GraphSpec): Uint8Array {
  const graph: Graph = {
    nodes,
    inputs: byName(inputs),
    outputs: byName(outputs),
    constants: byName(constants.map(({ type = 'float32', ...constant }) => ({ type, ...constant }))),
  };
  return writeModel(graph, { opset });
}

function byName<Named extends { name: string }>(list: Named[]): Record<string, Named> {
  return Object.fromEntries(list.map((item) => [item.name, item]));
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
