import { elementType, type OnnxTensor, readTensor } from './onnx-tensor.js';
import { type OnnxNode, readNode } from './onnx-node.js';
import { type DataType } from '../tensor.js';
import { append, OnnxFileProblem } from './limits.js';
import { type Fields } from './wire.js';

/** An input or output as the file declares it. */
export interface OnnxValue {
  name: string;
  kind: 'tensor' | 'sequence' | 'map' | 'optional' | 'sparse tensor' | 'unknown';
  /** Of a tensor; undefined where the service has no such type. */
  type: DataType | undefined;
  /** A symbol stands for any size, perhaps an unnamed one (`''`). Undefined: any number of dimensions. */
  shape: readonly (number | string)[] | undefined;
}

export interface OnnxGraph {
  name: string;
  /** All of them. One that has an initializer is optional: ONNX Runtime takes the initializer when it is not fed. */
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
  /** Sparse ones are here too, with no values. */
  initializers: ReadonlyMap<string, OnnxTensor>;
  nodes: readonly OnnxNode[];
}

export function readGraph(fields: Fields): OnnxGraph {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  let name = '';
  while (fields.next()) {
    if (fields.number === 1) nodes.push(readNode(fields.message()));
    else if (fields.number === 2) name = fields.text();
    else if (fields.number === 5) addInitializer(initializers, readTensor(fields.message()));
    else if (fields.number === 11) inputs.push(readValue(fields.message()));
    else if (fields.number === 12) outputs.push(readValue(fields.message()));
    else if (fields.number === 15) addInitializer(initializers, readSparse(fields.message()));
  }
  return { name, inputs, outputs, initializers, nodes };
}

function addInitializer(initializers: Map<string, OnnxTensor>, tensor: OnnxTensor): void {
  if (initializers.has(tensor.name)) throw new OnnxFileProblem(`there are two constants "${tensor.name}"`);
  initializers.set(tensor.name, tensor);
}

/** A sparse constant bears the name of its values, and has dims of its own. */
function readSparse(fields: Fields): OnnxTensor {
  let values: OnnxTensor | undefined;
  const dims: number[] = [];
  while (fields.next()) {
    if (fields.number === 1) values = readTensor(fields.only());
    else if (fields.number === 3) fields.numbers(dims, 'int');
  }
  if (!values) throw new OnnxFileProblem('a sparse constant has no values');
  return { name: values.name, type: values.type, dims, values: undefined };
}

function readValue(fields: Fields): OnnxValue {
  let value: OnnxValue = { name: '', kind: 'unknown', type: undefined, shape: undefined };
  while (fields.next()) {
    if (fields.number === 1) value = { ...value, name: fields.text() };
    else if (fields.number === 2) value = { ...readType(fields.only()), name: value.name };
  }
  return value;
}

/** TypeProto's fields by what they say the value is. */
const KINDS: Readonly<Record<number, OnnxValue['kind']>> = {
  1: 'tensor',
  4: 'sequence',
  5: 'map',
  8: 'sparse tensor',
  9: 'optional',
};

function readType(fields: Fields): Omit<OnnxValue, 'name'> {
  const type: Omit<OnnxValue, 'name'> = { kind: 'unknown', type: undefined, shape: undefined };
  while (fields.next()) {
    const kind = KINDS[fields.number];
    if (!kind) continue;
    if (type.kind !== 'unknown') throw new OnnxFileProblem('a value has two types');
    type.kind = kind;
    if (kind === 'tensor') Object.assign(type, readTensorType(fields.message()));
  }
  return type;
}

function readTensorType(fields: Fields): Pick<OnnxValue, 'type' | 'shape'> {
  let type: DataType | undefined;
  let shape: (number | string)[] | undefined;
  while (fields.next()) {
    if (fields.number === 1) type = elementType(fields.int());
    else if (fields.number === 2) shape = readShape(fields.only());
  }
  return { type, shape };
}

function readShape(fields: Fields): (number | string)[] {
  const shape: (number | string)[] = [];
  while (fields.next()) {
    if (fields.number === 1) append(shape, readDimension(fields.message()));
  }
  return shape;
}

function readDimension(fields: Fields): number | string {
  let size: number | undefined;
  let symbol = '';
  while (fields.next()) {
    if (fields.number === 1) size = fields.int();
    else if (fields.number === 2) symbol = fields.text();
  }
  // Some exporters write -1 for any size, and ONNX Runtime takes it so.
  return size === undefined || size < 0 ? symbol : size;
}
