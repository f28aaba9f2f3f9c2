/** What a promise gives; fails, with the error that `toError` makes, once it has taken longer than `ms` milliseconds. */
export async function within<T>(
  ms: number,
  promise: Promise<T>,
  toError = () => new Error(`timeout after ${ms} ms`),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(toError());
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
