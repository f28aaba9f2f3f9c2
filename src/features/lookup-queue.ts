import { beforeDeadline, type Caller, CallerLeft, deadlineExceeded } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Found } from './feature-table.js';
import { type Slots } from './slots.js';

/** Keys of several callers that go into one query; a caller with more has one of its own. */
const MAX_SHARED = 1000;
/** Seconds after which a caller that found no place may ask again. */
const RETRY_AFTER_S = 1;

interface LookupQueueOptions {
  /** Finds what is stored for keys, in one query. */
  find: (keys: readonly string[]) => Promise<Found>;
  /** Shared by all queues. */
  slots: Slots;
  /** Queries of this queue that may be under way at a time, so that others find a slot, too. */
  mostQueries: number;
  /** Keys that may wait; beyond them callers are refused at once. */
  mostWaiting: number;
}

interface Waiting {
  keys: readonly string[];
  caller: Caller;
  resolve: (found: Found) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers the keys that callers want at the same moment into one query.
 *
 * Invariants: what a caller is given was read after it had asked; it is answered once, and at its deadline at the latest;
 * keys that nobody waits for any more are not asked for; what fails, fails those alone who shared the query.
 */
export class LookupQueue {
  private waiting: Waiting[] = [];
  private waitingKeys = 0;
  private queries = 0;
  private isInLine = false;

  constructor(private readonly options: LookupQueueOptions) {}

  /**
   * What is stored for keys, among that for others.
   *
   * @throws DomainError `overloaded`, `deadline_exceeded`; what the query throws; CallerLeft
   */
  async find(keys: readonly string[], caller: Caller): Promise<Found> {
    if (!this.hasPlaceFor(keys.length)) throw overloaded(this.waitingKeys);
    const answer = new Promise<Found>((resolve, reject) => {
      this.waiting.push({ keys, caller, resolve, reject });
    });
    this.waitingKeys += keys.length;
    this.getInLine();
    return beforeDeadline(answer, caller, 'its stored features were read');
  }

  /** What is more than may wait at all is taken when nothing does: it could never be otherwise. */
  private hasPlaceFor(keys: number): boolean {
    const fits = () => this.waitingKeys === 0 || this.waitingKeys + keys <= this.options.mostWaiting;
    if (fits()) return true;
    this.dropGone();
    return fits();
  }

  private getInLine(): void {
    if (this.isInLine || this.queries === this.options.mostQueries || this.waiting.length === 0) return;
    this.isInLine = true;
    this.options.slots.take(() => this.ask());
  }

  private async ask(): Promise<void> {
    this.isInLine = false;
    this.queries++;
    this.dropGone();
    const group = this.take();
    this.getInLine();
    try {
      if (group.length > 0) {
        const found = await this.options.find([...new Set(group.flatMap(({ keys }) => keys))]);
        for (const { resolve } of group) resolve(found);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      this.queries--;
      this.getInLine();
    }
  }

  /** Those who waited longest, as many as fit into a query. */
  private take(): Waiting[] {
    let keys = 0;
    const more = this.waiting.findIndex((waiting, index) => {
      keys += waiting.keys.length;
      return index > 0 && keys > MAX_SHARED;
    });
    const group = this.waiting.splice(0, more === -1 ? this.waiting.length : more);
    for (const waiting of group) this.waitingKeys -= waiting.keys.length;
    return group;
  }

  private dropGone(): void {
    const now = performance.now();
    this.waiting = this.waiting.filter(({ keys, caller, reject }) => {
      if (!caller.hasLeft && caller.deadline > now) return true;
      this.waitingKeys -= keys.length;
      reject(
        caller.hasLeft ? new CallerLeft('the client has gone') : deadlineExceeded('its stored features were read'),
      );
      return false;
    });
  }
}

function overloaded(waiting: number): DomainError {
  return new DomainError('overloaded', `${waiting} rows are waiting for their stored features already.`, {
    retryAfter: RETRY_AFTER_S,
  });
}
