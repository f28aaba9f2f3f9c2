import { type Rate } from '../../config/setting-kinds.js';
import { type RowRecord } from './row-storage.js';

/**
 * What a caller has used of a limit: a bucket that rows fill and time empties, `limit / seconds` rows a second. A request
 * is taken where its rows still fit. (A token bucket, or GCRA, seen from the other side.)
 *
 * Why not a count by windows: at the edge of two of them a caller gets twice the limit in a moment, and all who were
 * refused come back in the same moment. A log of requests would be exact, and grow with the limit. This is two numbers a
 * caller: whoever was quiet may use the whole limit at once, and nobody gets more than `limit + limit · t / seconds`
 * rows in any time `t`.
 */
export class Bucket {
  private used = 0;

  /** @param at when it was looked at last, in seconds by a clock that does not go backwards */
  constructor(private at: number) {}

  /** Takes all of the rows, or none where they do not fit. */
  take(rows: number, rate: Rate, now: number): RowRecord {
    const used = this.usedAt(rate, now);
    const isTaken = used + rows <= rate.limit;
    if (isTaken) this.used = used + rows;
    return recordOf(this.used, rows, isTaken, rate);
  }

  /** Adds rows that were taken elsewhere, though it may run over: what was too much is missing afterwards. */
  add(rows: number, rate: Rate, now: number): void {
    this.used = this.usedAt(rate, now) + rows;
  }

  /** Takes over what somebody knows who sees more. */
  set(used: number, now: number): void {
    this.used = used;
    this.at = now;
  }

  /** What time has left of it. */
  usedAt({ limit, seconds }: Rate, now: number): number {
    this.used = Math.max(0, this.used - ((now - this.at) * limit) / seconds);
    this.at = now;
    return this.used;
  }
}

/** What a bucket says to a request, as a RowStorage tells it. */
export function recordOf(used: number, rows: number, isTaken: boolean, { limit, seconds }: Rate): RowRecord {
  const perRow = seconds / limit;
  return {
    totalHits: used,
    timeToExpire: used * perRow,
    isBlocked: !isTaken,
    timeToBlockExpire: isTaken ? 0 : (used + rows - limit) * perRow,
  };
}
