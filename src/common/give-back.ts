/** Smaller ones are not worth it. */
const LEAST_BYTES = 16 * 1024;

/**
 * Gives the memory of a large buffer back now, where it is all that lies in it. V8 counts such memory until it has collected
 * it, and for every 64 MB of it goes through the whole heap: that took more time than all the rest of a request with
 * 4 MB. Nobody may look at the buffer any more.
 */
export function giveBack({ buffer, byteLength }: ArrayBufferView): void {
  if (byteLength >= LEAST_BYTES && buffer.byteLength === byteLength) (buffer as ArrayBuffer).transfer(0);
}
