import { allocate, type DataType, type Tensor } from '../inference/tensor.js';
import { TensorProblem } from './tensor-problem.js';

/** An integer lost digits when its text was parsed: `tensorOfDigits` takes the text itself. */
export class InexactInteger extends TensorProblem {}

/**
 * A tensor of values as JSON has them: row-major, flat or nested as the shape is. Nothing is allocated before there are
 * as many as the shape needs.
 *
 * @param count elements that the shape announces
 * @throws TensorProblem; InexactInteger
 */
export function tensorOfValues(type: DataType, dims: readonly number[], count: number, values: unknown): Tensor {
  const list = dims.length === 0 && !Array.isArray(values) ? [values] : values;
  if (!Array.isArray(list)) throw new TensorProblem('must have its data as a list');
  const isNested = dims.length > 1 && Array.isArray(list[0]);
  if (isNested) checkNesting(list, dims, 0);
  else if (list.length !== count)
    throw new TensorProblem(`has ${list.length} ${noun(list.length)}, and its shape needs ${count}`);
  const data = allocate(type, count);
  const write = WRITERS[type];
  writeInto(list, isNested ? dims.length : 1, 0, (row, at) => {
    write(data as never, row, at);
  });
  return { type, dims, data };
}

/**
 * The same for 64-bit integers some of which a double cannot hold, once `tensorOfValues` has seen that their nesting is
 * right.
 *
 * @param source the JSON text of the values
 * @throws TensorProblem
 */
export function tensorOfDigits(type: DataType, dims: readonly number[], count: number, source: string): Tensor {
  const tokens = source.replaceAll(BETWEEN, '').split(',');
  return tensorOfValues(type, dims, count, tokens.map((token) => (DIGITS.test(token) ? BigInt(token) : Number(token)))); // prettier-ignore
}

const BETWEEN = /[[\]\s]+/g;
/** What 64 bits may hold. Longer ones are too large, however exactly they are read. */
const DIGITS = /^-?\d{1,20}$/;

function checkNesting(list: readonly unknown[], dims: readonly number[], axis: number): void {
  if (list.length !== dims[axis])
    throw new TensorProblem(
      `has a list of ${list.length} in dimension ${axis} of its data, and its shape needs ${String(dims[axis])}`,
    );
  if (axis === dims.length - 1) return;
  for (const item of list) {
    if (!Array.isArray(item))
      throw new TensorProblem(`must have a list in dimension ${axis + 1} of its data, as its shape`);
    checkNesting(item, dims, axis + 1);
  }
}

/** @returns where the next element goes */
function writeInto(
  list: readonly unknown[],
  depth: number,
  at: number,
  write: (row: readonly unknown[], at: number) => void,
): number {
  if (depth === 1) {
    write(list, at);
    return at + list.length;
  }
  for (const item of list) at = writeInto(item as unknown[], depth - 1, at, write);
  return at;
}

/** Writes values into a tensor's data, from element `at` on. */
type Writer = (data: never, values: readonly unknown[], at: number) => void;

const WRITERS: Readonly<Record<DataType, Writer>> = {
  float32: writeFloats,
  float64: writeFloats,
  float16: (data: Uint16Array, values, at) => {
    writeFloats(new Float16Array(data.buffer, data.byteOffset, data.length), values, at);
  },
  int8: integers(-(2 ** 7), 2 ** 7 - 1),
  int16: integers(-(2 ** 15), 2 ** 15 - 1),
  int32: integers(-(2 ** 31), 2 ** 31 - 1),
  uint8: integers(0, 2 ** 8 - 1),
  uint16: integers(0, 2 ** 16 - 1),
  uint32: integers(0, 2 ** 32 - 1),
  int64: longs(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: longs(0n, 2n ** 64n - 1n),
  bool: writeFlags,
  string: writeTexts,
};

function writeFloats(data: Float32Array | Float64Array | Float16Array, values: readonly unknown[], at: number): void {
  for (const value of values) {
    data[at] = typeof value === 'number' ? value : toNumber(value, at);
    // Told by what was stored: the shortest text of the largest FP32 is larger than it, as a double, and rounds to it.
    if (!Number.isFinite(data[at]))
      throw new TensorProblem(`holds a number in element ${at} that is too large for its datatype`);
    at++;
  }
}

function integers(min: number, max: number): Writer {
  return (data: Int32Array, values, at) => {
    for (const value of values) {
      const number = typeof value === 'number' ? value : toNumber(value, at);
      if (!(number >= min && number <= max && Number.isInteger(number))) throw outOfRange(number, at, min, max);
      data[at++] = number;
    }
  };
}

/** 64 bits as two halves: making a BigInt of each value takes ten times as long. */
function longs(min: bigint, max: bigint): Writer {
  return (data: BigInt64Array | BigUint64Array, values, at) => {
    const halves = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
    for (const value of values) {
      if (Number.isSafeInteger(value) && (value as number) >= min) {
        const high = Math.floor((value as number) / 2 ** 32);
        halves[2 * at] = (value as number) - high * 2 ** 32;
        halves[2 * at + 1] = high;
      } else {
        data[at] = toLong(value, at, min, max);
      }
      at++;
    }
  };
}

function toLong(value: unknown, at: number, min: bigint, max: bigint): bigint {
  if (typeof value !== 'bigint') {
    const number = toNumber(value, at);
    // As a double the largest one is 2^64: whether it is within the range, its digits tell.
    if (Number.isInteger(number) && Math.abs(number) > Number.MAX_SAFE_INTEGER && Math.abs(number) <= 2 ** 64)
      throw new InexactInteger(`must hold all digits of the number in element ${at}`);
    throw outOfRange(number, at, min, max);
  }
  if (value >= min && value <= max) return value;
  throw outOfRange(Number(value), at, min, max);
}

function writeFlags(data: Uint8Array, values: readonly unknown[], at: number): void {
  for (const value of values) {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1)
      throw new TensorProblem(`must hold true or false in element ${at}`);
    data[at++] = Number(value);
  }
}

function writeTexts(data: string[], values: readonly unknown[], at: number): void {
  for (const value of values) {
    if (typeof value !== 'string') throw new TensorProblem(`must hold a text in element ${at}`);
    data[at++] = value;
  }
}

function toNumber(value: unknown, at: number): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  const remedy = value === null ? ': NaN can be sent as binary data only' : '';
  throw new TensorProblem(`must hold a number in element ${at}${remedy}`);
}

function outOfRange(number: number, at: number, min: number | bigint, max: number | bigint): TensorProblem {
  if (!Number.isInteger(number)) return new TensorProblem(`must hold a whole number in element ${at}`);
  return new TensorProblem(`must hold a whole number from ${min} to ${max} in element ${at}`);
}

function noun(count: number): string {
  return count === 1 ? 'element' : 'elements';
}
