import { CallerLeft, deadlineExceeded } from '../common/caller.js';
import { countRows, type WaitingRequest } from './waiting-request.js';

/** Why a request left the queue without a run. */
export type Refusal = 'overloaded' | 'expired' | 'abandoned';

export interface RequestQueueOptions {
  /** Rows that may wait; beyond them there is no place. */
  limit: number;
  /** Whether what came since the last run was made up takes no place yet: it may well leave in one run. */
  isNewFree: boolean;
  /** Rows that requests may share a run with; one with more gets a run of its own. */
  maxRows: number;
  /** Told of each request that nobody waits for any more, and of its rows. */
  onRefusal?: ((reason: Refusal, rows: number) => void) | undefined;
}

/** Requests that wait for a run, in the order in which they came. */
export class RequestQueue {
  private waiting: WaitingRequest[] = [];
  private waitingRows = 0;
  /** Rows that were there already when the last run was made up. */
  private leftBehind = 0;

  constructor(private readonly options: RequestQueueOptions) {}

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get requests(): readonly WaitingRequest[] {
    return this.waiting;
  }

  get rows(): number {
    return this.waitingRows;
  }

  /** What is larger than the whole queue has a place when nothing waits: it could never have one otherwise. */
  hasPlaceFor(rows: number): boolean {
    const { limit, isNewFree } = this.options;
    const taken = () => (isNewFree ? this.leftBehind : this.waitingRows);
    const fits = () => taken() === 0 || taken() + rows <= limit;
    if (fits()) return true;
    this.dropGone();
    return fits();
  }

  push(waiting: WaitingRequest): void {
    const { rows } = waiting.request;
    this.waiting.push(waiting);
    this.waitingRows += rows;
    if (this.leftBehind > 0) this.leftBehind += rows;
  }

  /** Puts those first who have waited for a run before. */
  putBack(group: readonly WaitingRequest[]): void {
    this.waiting = [...group, ...this.waiting];
    this.waitingRows += countRows(group);
  }

  /** The first request that waits, and those that may share its run. */
  take(): WaitingRequest[] {
    const { maxRows } = this.options;
    const now = performance.now();
    const group: WaitingRequest[] = [];
    const rest: WaitingRequest[] = [];
    let rows = 0;
    let goneRows = 0;
    let seen = 0;
    for (const waiting of this.waiting) {
      if (group[0]?.alone || rows >= maxRows) break; // or each of 10,000 parts of a request would look at all others
      seen++;
      const { request } = waiting;
      if (this.isGone(waiting, now)) {
        goneRows += request.rows;
        continue;
      }
      const [first] = group;
      const fits =
        !first ||
        (!first.alone && !waiting.alone && request.key === first.request.key && rows + request.rows <= maxRows);
      if (fits) {
        group.push(waiting);
        rows += request.rows;
      } else {
        rest.push(waiting);
      }
    }
    this.waiting = rest.concat(this.waiting.slice(seen));
    this.waitingRows -= rows + goneRows;
    this.leftBehind = this.waitingRows;
    return group;
  }

  dropGone(): void {
    const now = performance.now();
    this.waiting = this.waiting.filter((waiting) => !this.isGone(waiting, now));
    this.waitingRows = countRows(this.waiting);
    this.leftBehind = Math.min(this.leftBehind, this.waitingRows);
  }

  /** Whether nobody waits for it any more; who waited in vain is told. */
  private isGone(waiting: WaitingRequest, now: number): boolean {
    const { caller, isSettled, party, request, since } = waiting;
    if (isSettled) return true;
    if (caller.hasLeft || party?.hasFailed) {
      this.options.onRefusal?.('abandoned', request.rows);
      waiting.reject(new CallerLeft('the client has gone'));
      return true;
    }
    if (caller.deadline > now) return false;
    caller.trace?.waited(since, now);
    this.options.onRefusal?.('expired', request.rows);
    waiting.reject(deadlineExceeded('the model had a place for it'));
    return true;
  }
}
