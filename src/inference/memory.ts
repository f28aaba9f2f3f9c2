/** What a version takes beside its session: signature, validator, queue; and what a thread takes. Measured. */
const VERSION_BYTES = 1024 ** 2;
const THREAD_BYTES = 20 * 1024 ** 2;

/** What is known of one copy of a model in memory. */
interface Copy {
  /** Size of its files. What was given back before may be used again, so that the process grows by less than that. */
  fileBytes: number;
  /** By how much the process grew when it was loaded, and tried out. */
  loadBytes: number;
}

/** Memory of a version on the HTTP thread, in bytes. */
export function bytesInline(copy: Copy): number {
  return VERSION_BYTES + bytesOf(copy);
}

/** Memory of a version on threads of its own, in bytes: each holds a copy. */
export function bytesOnThreads(copy: Copy, threads: number): number {
  return VERSION_BYTES + threads * (THREAD_BYTES + bytesOf(copy));
}

/** Memory of the process without this thread's JavaScript, whose garbage comes and goes meanwhile. */
export function nativeBytes(): number {
  const { rss, heapTotal, external } = process.memoryUsage();
  return rss - heapTotal - external;
}

function bytesOf({ fileBytes, loadBytes }: Copy): number {
  return Math.max(fileBytes, loadBytes);
}
