import { type Tensors } from '../tensor.js';

/** The buffers of some tensors: they are handed to another thread instead of being copied. */
export function buffersOf(tensors: Tensors): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors.values()) if (!Array.isArray(data)) buffers.add(data.buffer as ArrayBuffer);
  return [...buffers];
}
