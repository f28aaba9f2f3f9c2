import { setImmediate as nextTurn } from 'node:timers/promises';
import { shortestFloat32 } from '../common/float32.js';
import { type Tensor } from '../inference/tensor.js';

/** An output that is NaN or infinite, which JSON cannot hold. */
export class NonFiniteElement extends Error {}

/**
 * The elements of a tensor as a flat JSON list. 64-bit integers have all their digits; floats of 16 and 32 bits are the
 * shortest text that reads back to the same.
 *
 * @throws NonFiniteElement
 */
export function jsonOfTensor({ type, data }: Tensor): string {
  switch (type) {
    case 'float32':
      return floats(data as Float32Array, shortestFloat32);
    case 'float16': {
      const { buffer, byteOffset, length } = data as Uint16Array;
      return floats(new Float16Array(buffer, byteOffset, length), shortestFloat32);
    }
    case 'float64':
      return floats(data as Float64Array, (value) => value);
    case 'bool':
      return `[${Array.from(data as Uint8Array, (flag) => flag !== 0).join()}]`;
    case 'string':
      return JSON.stringify((data as string[]).map((text) => text.toWellFormed()));
    default:
      return `[${(data as Int32Array).join()}]`;
  }
}

/** Elements that are written at once: about 4 ms. */
const AT_ONCE = 20_000;

export function isLarge({ data }: Tensor): boolean {
  return data.length > AT_ONCE;
}

/**
 * As `jsonOfTensor`, for one whose text takes long: 25 million numbers would keep everybody else waiting for 5 seconds.
 *
 * @param go called between two pieces of it: throws where it is not wanted any more
 * @throws NonFiniteElement; RangeError where it is longer than a text can be
 */
export async function jsonOfLargeTensor({ type, dims, data }: Tensor, go: () => void): Promise<string> {
  let text = '';
  for (let at = 0; at < data.length; at += AT_ONCE) {
    const piece = data.slice(at, at + AT_ONCE);
    text += (text && ',') + jsonOfTensor({ type, dims, data: piece }).slice(1, -1);
    await nextTurn();
    go();
  }
  return `[${text}]`;
}

function floats(values: Float32Array | Float64Array | Float16Array, shortest: (value: number) => number): string {
  let text = '';
  for (const value of values) {
    if (!Number.isFinite(value)) throw new NonFiniteElement();
    const number = Object.is(value, -0) ? '-0' : shortest(value);
    text += text === '' ? `[${number}` : `,${number}`;
  }
  return `${text || '['}]`;
}
