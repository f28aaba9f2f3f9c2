import { performance } from 'node:perf_hooks'; // the global one is looked up at each use
import { type Caller } from '../common/caller.js';
import { type RowResult, type RunRequest } from './run-request.js';

/** Requests that are of use only together. */
export interface Party {
  hasFailed: boolean;
}

/** A request that has not been answered yet, in the queue or in a run. */
export class WaitingRequest {
  /** When it came, or the run that it was part of failed. */
  since = performance.now();
  /** Whether a thread ended while it ran this request alone. */
  hasDied = false;
  isSettled = false;

  /**
   * @param alone whether it must not share a run: by its nature, or once it was part of one that failed
   * @param party what it is of use with
   */
  constructor(
    readonly request: RunRequest,
    readonly caller: Caller,
    readonly party: Party | undefined,
    public alone: boolean,
    private readonly whenAnswered: (result: RowResult) => void,
    private readonly whenFailed: (error: unknown) => void,
  ) {}

  /** What is answered already, is not answered again. */
  resolve(result: RowResult): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.whenAnswered(result);
  }

  reject(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    if (this.party) this.party.hasFailed = true;
    this.whenFailed(error);
  }
}

export function countRows(group: readonly WaitingRequest[]): number {
  return group.reduce((sum, { request }) => sum + request.rows, 0);
}
