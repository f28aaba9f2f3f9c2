import { shortestFloat32 } from '../common/float32.js';
import { rawJSON } from '../common/raw-json.js';
import { type Tensor } from '../inference/tensor.js';
import { NonFiniteOutput } from './prediction.js';

/**
 * One element of a tensor as a finite number. float32 is given as the double whose text is the shortest that reads
 * back to the same float32.
 *
 * @throws NonFiniteOutput for NaN and infinities
 */
export function numberAt(tensor: Tensor, index: number, name: string): number {
  const value = Number(tensor.data[index]);
  switch (tensor.type) {
    case 'float32':
      return shortestFloat32(finite(value, name));
    case 'float16':
      return shortestFloat32(finite(fromHalf(value), name));
    default:
      return finite(value, name);
  }
}

/** One element of a tensor as a JSON value: 64-bit integers keep all their digits, booleans are true and false. */
export function valueAt(tensor: Tensor, index: number, name: string): unknown {
  const value = tensor.data[index];
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : rawJSON(String(value));
  if (tensor.type === 'bool') return value !== 0;
  return numberAt(tensor, index, name);
}

/** The values of one row as a nested array of the tensor's shape without its batch axis. */
export function nestedRow(tensor: Tensor, row: number, name: string): unknown {
  const dims = tensor.dims.slice(1);
  let next = row * dims.reduce((product, dim) => product * dim, 1);
  const build = (axis: number): unknown => {
    if (axis === dims.length) return valueAt(tensor, next++, name);
    return Array.from({ length: dims[axis] as number }, () => build(axis + 1));
  };
  return build(0);
}

function finite(value: number, name: string): number {
  if (!Number.isFinite(value)) throw new NonFiniteOutput(name);
  return value;
}

const halfBits = new Uint16Array(1);
const half = new Float16Array(halfBits.buffer);

function fromHalf(bits: number): number {
  halfBits[0] = bits;
  return half[0] as number;
}
