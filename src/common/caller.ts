import { type Allowance } from './allowance.js';
import { DomainError } from './errors.js';
import { type Principal } from './principal.js';
import { type Trace } from './trace.js';
import { within } from './within.js';

/** Who waits for an answer: until when, and what the answer took. */
export interface Caller {
  /** Of its request; absent where the service asks itself. */
  readonly id?: string;
  /** When its request arrived, by the monotonic clock, in milliseconds. */
  readonly startedAt?: number;
  /** By the monotonic clock (`performance.now`), in milliseconds; Infinity where there is none. */
  readonly deadline: number;
  /** Whether nobody waits any more: the client closed its connection. */
  readonly hasLeft: boolean;
  /** Who it is; undefined where AUTH is off, or is not asked for. */
  readonly principal?: Principal | undefined;
  /** What it may take of RATE_LIMIT; undefined where there is none. */
  readonly allowance?: Allowance | undefined;
  /** Shows how it was answered; undefined where nobody asks for that. */
  readonly trace?: Trace | undefined;
  /** Milliseconds that its rows spent in the queue, the longest of them. */
  queueMs: number;
  /** Milliseconds in which the inputs of runs with its rows were put together, added up. */
  inputMs: number;
  /** Milliseconds that runs with its rows took, added up. */
  runMs: number;
  /** When the last of them had ended, by the monotonic clock. */
  ranAt: number;
  /** Milliseconds that it waited for its stored features. */
  lookupMs: number;
  /** What it says of predictions that were kept, as HTTP's Cache-Control does: no-cache, no-store, max-age. */
  readonly cacheControl?: string | undefined;
  /** What the cache gave it; absent where the cache was not asked. */
  cacheUse?: CacheUse | undefined;
}

/** What of an answer was predicted before. */
export interface CacheUse {
  /** Rows. */
  hits: number;
  /** Milliseconds since the oldest of them was predicted. */
  ageMs: number;
}

/** One that waits as long as it takes: the service itself. */
export function patientCaller(): Caller {
  return { deadline: Infinity, hasLeft: false, queueMs: 0, inputMs: 0, runMs: 0, ranAt: 0, lookupMs: 0 };
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
