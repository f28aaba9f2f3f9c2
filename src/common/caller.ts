import { DomainError } from './errors.js';
import { within } from './within.js';

/** Who waits for an answer: until when, and what the answer took. */
export interface Caller {
  /** By the monotonic clock (`performance.now`), in milliseconds; Infinity where there is none. */
  readonly deadline: number;
  /** Whether nobody waits any more: the client closed its connection. */
  readonly hasLeft: boolean;
  /** Milliseconds that its rows spent in the queue, the longest of them. */
  queueMs: number;
  /** Milliseconds in which the inputs of runs with its rows were put together, added up. */
  inputMs: number;
  /** Milliseconds that runs with its rows took, added up. */
  runMs: number;
  /** When the last of them had ended, by the monotonic clock. */
  ranAt: number;
}

/** One that waits as long as it takes: the service itself. */
export function patientCaller(): Caller {
  return { deadline: Infinity, hasLeft: false, queueMs: 0, inputMs: 0, runMs: 0, ranAt: 0 };
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
export function beforeDeadline<T>(work: Promise<T>, { deadline }: Caller, before: string): Promise<T> {
  return within(Math.max(0, deadline - performance.now()), work, () => deadlineExceeded(before));
}

/** The answer that is not sent: its client has gone. */
export class CallerLeft extends Error {}
