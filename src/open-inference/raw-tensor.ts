import { isUtf8 } from 'node:buffer';
import { type DataType, type Tensor, type TensorData } from '../inference/tensor.js';
import { elementBytes } from './datatypes.js';
import { TensorProblem } from './tensor-problem.js';

/**
 * A tensor of little-endian, row-major bytes: a view of them where their place in memory allows it, else a copy.
 *
 * @param count elements that the shape announces
 * @throws TensorProblem
 */
export function readRaw(type: DataType, dims: readonly number[], count: number, bytes: Uint8Array): Tensor {
  const size = elementBytes(type);
  if (size === undefined) return { type, dims, data: readTexts(count, bytes) };
  if (bytes.byteLength !== count * size)
    throw new TensorProblem(`has ${bytes.byteLength} bytes of data, and its shape needs ${count * size}`);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return { type, dims, data: viewOf(type, aligned.buffer as ArrayBuffer, aligned.byteOffset, count) };
}

/** The bytes of a tensor, little-endian and row-major: a view, but for texts. */
export function rawBytes({ data }: Tensor): Uint8Array {
  return Array.isArray(data) ? packTexts(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function viewOf(type: DataType, buffer: ArrayBuffer, offset: number, length: number): TensorData {
  switch (type) {
    case 'float32':
      return new Float32Array(buffer, offset, length);
    case 'float64':
      return new Float64Array(buffer, offset, length);
    case 'float16':
    case 'uint16':
      return new Uint16Array(buffer, offset, length);
    case 'int8':
      return new Int8Array(buffer, offset, length);
    case 'int16':
      return new Int16Array(buffer, offset, length);
    case 'int32':
      return new Int32Array(buffer, offset, length);
    case 'int64':
      return new BigInt64Array(buffer, offset, length);
    case 'uint8':
    case 'bool':
      return new Uint8Array(buffer, offset, length);
    case 'uint32':
      return new Uint32Array(buffer, offset, length);
    case 'uint64':
      return new BigUint64Array(buffer, offset, length);
    case 'string':
      throw new TensorProblem('is a text');
    default:
      return type satisfies never;
  }
}

/** Bytes of the length that stands before each text. */
const LENGTH_BYTES = 4;

function readTexts(count: number, bytes: Uint8Array): string[] {
  if (bytes.byteLength < count * LENGTH_BYTES)
    throw new TensorProblem(`has ${bytes.byteLength} bytes of data, too few for the lengths of ${count} texts`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const start = at + LENGTH_BYTES;
    const end = start <= buffer.length ? start + buffer.readUInt32LE(at) : Infinity;
    if (end > buffer.length) throw new TensorProblem(`ends in the middle of element ${index}`);
    texts.push(readText(buffer.subarray(start, end), index));
    at = end;
  }
  if (at < buffer.length) throw new TensorProblem(`has ${buffer.length - at} bytes of data after its last element`);
  return texts;
}

/** @throws TensorProblem */
export function readText(bytes: Buffer, index = 0): string {
  if (!isUtf8(bytes))
    throw new TensorProblem(`holds bytes in element ${index} that are not UTF-8: the model takes texts`);
  return bytes.toString();
}

function packTexts(texts: readonly string[]): Uint8Array {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const bytes = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + LENGTH_BYTES + length, 0));
  let at = 0;
  for (const [index, text] of texts.entries()) {
    at = bytes.writeUInt32LE(lengths[index] as number, at);
    at += bytes.write(text, at);
  }
  return bytes;
}
