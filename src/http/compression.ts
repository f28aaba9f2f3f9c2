import { promisify } from 'node:util';
import { constants, deflate, deflateSync, gzip, type ZlibOptions } from 'node:zlib';

export type Encoding = 'gzip' | 'deflate';

const COMPRESS: Record<Encoding, (bytes: Buffer, options: ZlibOptions) => Promise<Buffer>> = {
  gzip: promisify<Buffer, ZlibOptions, Buffer>(gzip),
  deflate: promisify<Buffer, ZlibOptions, Buffer>(deflate),
};
const FAST = { level: constants.Z_BEST_SPEED };

/** What fits into TCP's first window arrives in one round trip, compressed or not. */
const LEAST_BYTES = 14_600;
/** Part of an answer that is tried: weights and embeddings look like noise, and would cost 25 ms a megabyte for nothing. */
const SAMPLE_BYTES = 4096;
const WORTHWHILE = 0.8;

/** Whether bytes take less room by it, so far as a part of them tells. */
export function isCompressible(bytes: Buffer): boolean {
  const middle = Math.max(0, Math.floor((bytes.length - SAMPLE_BYTES) / 2));
  const sample = bytes.subarray(middle, middle + SAMPLE_BYTES);
  return deflateSync(sample, FAST).length <= WORTHWHILE * sample.length;
}

/** Compresses in the background, fast rather than small. */
export function compress(bytes: Buffer, encoding: Encoding): Promise<Buffer> {
  return COMPRESS[encoding](bytes, FAST);
}

/**
 * How an answer of so many bytes is to be compressed, as its client takes it: gzip where it has no preference, and not
 * at all where the answer arrives as soon without.
 *
 * @param accepted the Accept-Encoding header
 */
export function encodingFor(accepted: string | undefined, length: number): Encoding | undefined {
  if (accepted === undefined || length < LEAST_BYTES) return undefined;
  const weights = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((word) => word.trim());
    const weight = parameters.find((word) => word.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const weightOf = (name: string) => weights.get(name) ?? weights.get('*') ?? 0;
  const best = weightOf('deflate') > weightOf('gzip') ? 'deflate' : 'gzip';
  return weightOf(best) > 0 ? best : undefined;
}
