import { DomainError } from './errors.js';
import { type Trace } from './trace.js';
import { within } from './within.js';

/** Who waits for an answer: until when, and what the answer took. */
export interface Caller {
  /** Of its request; absent where the service asks itself. */
  readonly id?: string;
  /** When its request arrived, by the monotonic clock, in milliseconds. */
  readonly startedAt?: number;
  /** Who it is, where that is known. */
  readonly principal?: { readonly name: string } | undefined;
  /** Shows how it was answered; undefined where nobody asks for that. */
  readonly trace?: Trace | undefined;
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
export function beforeDeadline<T>(work: Promise<T>, { deadline }: Caller, before: string): Promise<T> {
  return within(Math.max(0, deadline - performance.now()), work, () => deadlineExceeded(before));
}

/** The answer that is not sent: its client has gone. */
export class CallerLeft extends Error {}
