/** Element types of a tensor, by ONNX Runtime's names. */
export const DATA_TYPES = [
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
] as const;
export type DataType = (typeof DATA_TYPES)[number];

/** float16 is carried as its bits in a Uint16Array, bool as 0 and 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | string[];

/** Row-major data of the shape `dims`. */
export interface Tensor {
  type: DataType;
  dims: readonly number[];
  data: TensorData;
}

/** Tensors by the graph's names. A Map: names come from files and may be anything, `__proto__` too. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** What the graph says of one input or output. A dimension of any size is its symbol (perhaps an empty one). */
export interface TensorInfo {
  name: string;
  type: DataType;
  shape: readonly (number | string)[];
}

/** Zero-filled storage for a tensor of `length` elements. */
export function allocate(type: DataType, length: number): TensorData {
  switch (type) {
    case 'float32':
      return new Float32Array(length);
    case 'float64':
      return new Float64Array(length);
    case 'float16':
    case 'uint16':
      return new Uint16Array(length);
    case 'int8':
      return new Int8Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'int32':
      return new Int32Array(length);
    case 'int64':
      return new BigInt64Array(length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(length);
    case 'uint32':
      return new Uint32Array(length);
    case 'uint64':
      return new BigUint64Array(length);
    case 'string':
      return new Array<string>(length).fill('');
    default:
      return type satisfies never;
  }
}

/** A tensor of zeros, false or empty texts. */
export function emptyTensor(type: DataType, dims: readonly number[]): Tensor {
  return {
    type,
    dims,
    data: allocate(
      type,
      dims.reduce((product, dim) => product * dim, 1),
    ),
  };
}

/** The same tensor in memory of its own. */
export function copyTensor({ type, dims, data }: Tensor): Tensor {
  return { type, dims, data: data.slice() };
}

/** `float32[N,4]`, for messages. */
export function describeTensor({ type, shape }: Pick<TensorInfo, 'type' | 'shape'>): string {
  return `${type}[${shape.map((dim) => (dim === '' ? '?' : String(dim))).join(',')}]`;
}
