import { type DataType } from '../tensor.js';
import { OnnxFileProblem } from './limits.js';
import { type Fields, type NumberKind } from './wire.js';

/** Element types by their number in TensorProto.DataType. */
const ELEMENT_TYPES: readonly (DataType | undefined)[] = [
  undefined,
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
];

/** The type of that number, or undefined where the service has no such tensors (bfloat16, complex). */
export function elementType(number: number): DataType | undefined {
  return ELEMENT_TYPES[number];
}

/** How the values of one type are stored: in a typed field, or as little-endian bytes of `size` each. */
interface Source {
  field: number;
  kind: NumberKind;
  size: number;
  read: (view: DataView, offset: number) => number;
}

/** The types whose values matter to the analysis: sizes, axes, scales and flags are of these. */
const SOURCES: Partial<Record<DataType, Source>> = {
  float32: { field: 4, kind: 'float', size: 4, read: (view, offset) => view.getFloat32(offset, true) },
  float64: { field: 10, kind: 'double', size: 8, read: (view, offset) => view.getFloat64(offset, true) },
  int32: { field: 5, kind: 'int', size: 4, read: (view, offset) => view.getInt32(offset, true) },
  int64: { field: 7, kind: 'int', size: 8, read: (view, offset) => Number(view.getBigInt64(offset, true)) },
  int8: { field: 5, kind: 'int', size: 1, read: (view, offset) => view.getInt8(offset) },
  uint8: { field: 5, kind: 'int', size: 1, read: (view, offset) => view.getUint8(offset) },
  bool: { field: 5, kind: 'int', size: 1, read: (view, offset) => view.getUint8(offset) },
};

/** Tensors of more elements than this are weights: they are never taken apart. */
const MAX_VALUES = 1024;
const EXTERNAL = 1;

/** A constant in the file. */
export interface OnnxTensor {
  name: string;
  type: DataType | undefined;
  dims: readonly number[];
  /** The numbers in row-major order, of small tensors only; int64 beyond 2^53 loses digits. */
  values: readonly number[] | undefined;
}

export function readTensor(fields: Fields): OnnxTensor {
  const header = readHeader(fields);
  if (header.dims.some((size) => size < 0)) throw new OnnxFileProblem('a constant has a negative size');
  return { name: header.name, type: header.type, dims: header.dims, values: readValues(header, fields) };
}

interface Header {
  name: string;
  type: DataType | undefined;
  dims: number[];
  raw: Uint8Array | undefined;
  /** The values lie in another file, or are a segment of a larger tensor. */
  elsewhere: boolean;
}

function readHeader(fields: Fields): Header {
  const header: Header = { name: '', type: undefined, dims: [], raw: undefined, elsewhere: false };
  while (fields.next()) {
    if (fields.number === 1) fields.numbers(header.dims, 'int');
    else if (fields.number === 2) header.type = elementType(fields.int());
    else if (fields.number === 3) header.elsewhere = true;
    else if (fields.number === 8) header.name = fields.text();
    else if (fields.number === 9) header.raw = fields.bytes();
    else if (fields.number === 14) header.elsewhere ||= fields.int() === EXTERNAL;
  }
  return header;
}

function readValues({ type, dims, raw, elsewhere }: Header, fields: Fields): number[] | undefined {
  const count = dims.reduce((product, size) => product * size, 1);
  const source = type && SOURCES[type];
  if (!source || elsewhere || count > MAX_VALUES) return undefined;
  const values = raw ? fromRaw(raw, source, count) : fromTyped(fields.again(), source, count);
  return values?.length === count ? values : undefined;
}

function fromRaw(raw: Uint8Array, { size, read }: Source, count: number): number[] | undefined {
  if (raw.byteLength !== count * size) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: count }, (_, index) => read(view, index * size));
}

function fromTyped(fields: Fields, { field, kind }: Source, count: number): number[] | undefined {
  const values: number[] = [];
  while (fields.next() && values.length <= count) {
    if (fields.number === field) fields.numbers(values, kind);
  }
  return values;
}
