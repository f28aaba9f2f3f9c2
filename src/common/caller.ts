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
  /** Milliseconds that runs with its rows took, added up. */
  runMs: number;
  /** Milliseconds that it waited for its stored features. */
  lookupMs: number;
}

/** One that waits as long as it takes: the service itself. */
export function patientCaller(): Caller {
  return { deadline: Infinity, hasLeft: false, queueMs: 0, runMs: 0, lookupMs: 0 };
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
  if (deadline === Infinity) return work; // a timer that is set to it goes off at once
  return within(Math.max(0, deadline - performance.now()), work, () => deadlineExceeded(before));
}

/** The answer that is not sent: its client has gone. */
export class CallerLeft extends Error {}
