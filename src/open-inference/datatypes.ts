import { type DataType } from '../inference/tensor.js';

/** The protocol's names of element types: what each is here, and its bytes in binary data. */
const DATATYPES = {
  BOOL: { type: 'bool', bytes: 1 },
  UINT8: { type: 'uint8', bytes: 1 },
  UINT16: { type: 'uint16', bytes: 2 },
  UINT32: { type: 'uint32', bytes: 4 },
  UINT64: { type: 'uint64', bytes: 8 },
  INT8: { type: 'int8', bytes: 1 },
  INT16: { type: 'int16', bytes: 2 },
  INT32: { type: 'int32', bytes: 4 },
  INT64: { type: 'int64', bytes: 8 },
  FP16: { type: 'float16', bytes: 2 },
  FP32: { type: 'float32', bytes: 4 },
  FP64: { type: 'float64', bytes: 8 },
  /** Texts, each with its length before it. */
  BYTES: { type: 'string', bytes: undefined },
} as const satisfies Record<string, { type: DataType; bytes: number | undefined }>;

export type Datatype = keyof typeof DATATYPES;

export const DATATYPE_NAMES = Object.keys(DATATYPES) as Datatype[];

const BY_TYPE = new Map<DataType, Datatype>(DATATYPE_NAMES.map((name) => [DATATYPES[name].type, name]));

/** The protocol's name of an element type. */
export function datatypeOf(type: DataType): Datatype {
  return BY_TYPE.get(type) as Datatype;
}

/** Bytes of one element in binary data; undefined where they vary. */
export function elementBytes(type: DataType): number | undefined {
  return DATATYPES[datatypeOf(type)].bytes;
}
