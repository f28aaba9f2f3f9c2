/** No answer came in time. */
export class Late extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/**
 * What Redis answers within `ms` milliseconds. Where the event loop was busy for so long that nothing could be read, what
 * has arrived meanwhile is read first: timers come before it in a turn, and what was `setImmediate` after it.
 *
 * @throws Late
 */
export function answerWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(() => {
        reject(new Late(ms));
      });
    }, ms);
    answer.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
