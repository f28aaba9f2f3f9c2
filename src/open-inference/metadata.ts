import { type Graph } from '../inference/session.js';
import { type TensorInfo } from '../inference/tensor.js';
import { type Datatype, datatypeOf } from './datatypes.js';

/** What `GET /v2` and ServerMetadata say. */
export interface ServerMetadata {
  name: string;
  version: string;
  extensions: readonly string[];
}

export interface TensorMetadata {
  name: string;
  datatype: Datatype;
  /** -1: any size. */
  shape: readonly number[];
}

/** What `GET /v2/models/{model}` and ModelMetadata say. */
export interface ModelMetadata {
  name: string;
  /** Those that can serve. */
  versions: readonly string[];
  platform: string;
  inputs: readonly TensorMetadata[];
  outputs: readonly TensorMetadata[];
}

/** KServe's and Triton's word for an ONNX model. */
export const PLATFORM = 'onnx_onnxv1';

/** The tensors of a graph, as the protocol describes them. Outputs that are sequences or maps are not there. */
export function tensorsOf({ inputs, outputs, openShapes }: Graph): Pick<ModelMetadata, 'inputs' | 'outputs'> {
  const describe = (info: TensorInfo): TensorMetadata => ({
    name: info.name,
    datatype: datatypeOf(info.type),
    // There is no word for any number of dimensions: one of any size comes nearest.
    shape: openShapes.includes(info.name) ? [-1] : shapeOf(info),
  });
  return { inputs: inputs.map(describe), outputs: outputs.map(describe) };
}

/** The protocol's shape: -1 where the graph takes any size. */
export function shapeOf({ shape }: TensorInfo): number[] {
  return shape.map((dim) => (typeof dim === 'number' ? dim : -1));
}
