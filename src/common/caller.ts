import { DomainError } from './errors.js';

/** Who waits for an answer: until when, and what the answer took. */
export interface Caller {
  /** By the monotonic clock (`performance.now`), in milliseconds; Infinity where there is none. */
  readonly deadline: number;
  /** Whether nobody waits any more: the client closed its connection. */
  readonly hasLeft: boolean;
  /** Milliseconds that its rows spent in the queue, the longest of them. */
  queueMs: number;
  /** Milliseconds that runs with its rows took, added up. */
  runMs: number;
}

/** One that waits as long as it takes: the service itself. */
export function patientCaller(): Caller {
  return { deadline: Infinity, hasLeft: false, queueMs: 0, runMs: 0 };
}

/** The failure of a request whose time is up. */
export function deadlineExceeded(before: string): DomainError {
  return new DomainError('deadline_exceeded', `The time that this request may take was up before ${before}.`);
}

/**
 * Waits for something no longer than a caller does; what it waits for goes on.
 *
 * @throws DomainError `deadline_exceeded`
 */
export async function beforeDeadline<T>(work: Promise<T>, { deadline }: Caller, before: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const left = Math.max(0, deadline - performance.now());
    timer = setTimeout(() => {
      reject(deadlineExceeded(before));
    }, left);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The answer that is not sent: its client has gone. */
export class CallerLeft extends Error {}
