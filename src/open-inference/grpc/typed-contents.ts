import protobuf from 'protobufjs/minimal.js';
import { allocate, type DataType, type TensorData } from '../../inference/tensor.js';
import { type Datatype } from '../datatypes.js';
import { readText } from '../raw-tensor.js';
import { TensorProblem } from '../tensor-problem.js';

const { Reader } = protobuf;

/** Protobuf's wire types. */
const VARINT = 0;
const FIXED64 = 1;
const SIZED = 2;
const FIXED32 = 5;

/** Where an InferTensorContents has the values of a datatype. */
interface TypedField {
  number: number;
  name: string;
  wire: number;
  /** Bytes that one value takes at least. */
  least: number;
}

const FLAGS: TypedField = { number: 1, name: 'bool_contents', wire: VARINT, least: 1 };
const INTS: TypedField = { number: 2, name: 'int_contents', wire: VARINT, least: 1 };
const INTS64: TypedField = { number: 3, name: 'int64_contents', wire: VARINT, least: 1 };
const UINTS: TypedField = { number: 4, name: 'uint_contents', wire: VARINT, least: 1 };
const UINTS64: TypedField = { number: 5, name: 'uint64_contents', wire: VARINT, least: 1 };
const FLOATS: TypedField = { number: 6, name: 'fp32_contents', wire: FIXED32, least: 4 };
const DOUBLES: TypedField = { number: 7, name: 'fp64_contents', wire: FIXED64, least: 8 };
const TEXTS: TypedField = { number: 8, name: 'bytes_contents', wire: SIZED, least: 2 };

const FIELDS: Readonly<Record<Datatype, TypedField | undefined>> = {
  BOOL: FLAGS,
  INT8: INTS,
  INT16: INTS,
  INT32: INTS,
  INT64: INTS64,
  UINT8: UINTS,
  UINT16: UINTS,
  UINT32: UINTS,
  UINT64: UINTS64,
  FP16: undefined,
  FP32: FLOATS,
  FP64: DOUBLES,
  BYTES: TEXTS,
};

/**
 * The values of a tensor, from an InferTensorContents as it is encoded.
 *
 * @param count values that the shape announces; nothing is allocated where there cannot be so many
 * @throws TensorProblem
 */
export function readContents(datatype: Datatype, type: DataType, count: number, contents: Buffer): TensorData {
  const field = FIELDS[datatype];
  if (!field) throw new TensorProblem(`is ${datatype}, which has no typed contents: send it in raw_input_contents`);
  try {
    return readField(field, datatype, type, count, contents);
  } catch (error) {
    if (error instanceof TensorProblem) throw error;
    throw new TensorProblem('has contents that are not in the encoding of protobuf'); // as the library says of it
  }
}

function readField(field: TypedField, datatype: Datatype, type: DataType, count: number, contents: Buffer): TensorData {
  if (count * field.least > contents.length) throw new TensorProblem(`has fewer values than the ${count} of its shape`);
  const data = allocate(type, count);
  const put = putInto(datatype, data);
  let filled = 0;
  const take = (from: protobuf.Reader) => {
    if (filled === count) throw new TensorProblem(`has more values than the ${count} of its shape`);
    put(from, filled++);
  };
  const reader = Reader.create(contents);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === ((field.number << 3) | field.wire)) {
      take(reader);
    } else if (tag === ((field.number << 3) | SIZED)) {
      const list = reader.bytes();
      const copied = copyList(list, data, filled);
      filled += copied;
      const rest = Reader.create(list.subarray(copied * field.least));
      while (rest.pos < rest.len) take(rest);
    } else {
      throw new TensorProblem(`has values in another field than ${field.name}, where those of ${datatype} belong`);
    }
  }
  if (filled < count) throw new TensorProblem(`has ${filled} values, and its shape needs ${count}`);
  return data;
}

/** Copies a packed list of floats at once, as far as there is a place for it: each takes a hundredth of a call. */
function copyList(list: Uint8Array, data: TensorData, from: number): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return 0;
  const size = data.BYTES_PER_ELEMENT;
  const count = Math.min(Math.floor(list.length / size), data.length - from);
  const target = new Uint8Array(data.buffer, from * size, count * size);
  target.set(list.subarray(0, target.length));
  return count;
}

/** Reads one value to its place. */
type Put = (reader: protobuf.Reader, index: number) => void;

function putInto(datatype: Datatype, data: TensorData): Put {
  switch (datatype) {
    case 'BOOL':
      return (reader, index) => ((data as Uint8Array)[index] = Number(reader.bool()));
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return (reader, index) => {
        putInRange(datatype, data as Int32Array, index, reader.int32());
      };
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
      return (reader, index) => {
        putInRange(datatype, data as Uint32Array, index, reader.uint32());
      };
    case 'INT64':
    case 'UINT64':
      return putWords(new Uint32Array((data as BigInt64Array).buffer));
    case 'FP16':
      throw new Error('FP16 has no typed contents');
    case 'FP32':
      return (reader, index) => ((data as Float32Array)[index] = reader.float());
    case 'FP64':
      return (reader, index) => ((data as Float64Array)[index] = reader.double());
    case 'BYTES':
      return (reader, index) => ((data as string[])[index] = readText(reader.bytes() as Buffer));
    default:
      return datatype satisfies never;
  }
}

/** A typed array wraps what does not fit, without a word. */
function putInRange(datatype: Datatype, data: Int32Array | Uint32Array, index: number, value: number): void {
  data[index] = value;
  if (data[index] !== value) throw new TensorProblem(`holds a number in element ${index} that is no ${datatype}`);
}

/**
 * Reads numbers of 64 bits as two words each, low and high: an object for each, as the library makes it, would have the
 * ten million of one message keep the thread for a second.
 */
function putWords(words: Uint32Array): Put {
  return (reader, index) => {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (reader.pos >= reader.len) break;
      const byte = reader.buf[reader.pos++] as number;
      if (shift < 32) low |= (byte & 0x7f) << shift;
      if (shift === 28) high = (byte & 0x7f) >>> 4;
      if (shift > 28) high |= (byte & 0x7f) << (shift - 32);
      if (byte >= 0x80) continue;
      words[2 * index] = low;
      words[2 * index + 1] = high;
      return;
    }
    throw new RangeError('a number without an end');
  };
}
