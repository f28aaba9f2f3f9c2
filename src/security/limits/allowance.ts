import { type Allowance } from '../../common/allowance.js';
import { DomainError } from '../../common/errors.js';
import { type Rate } from '../../config/setting-kinds.js';
import { type RowRecord } from './row-storage.js';

/** The limit, and who counts. */
export interface RowCounter extends Rate {
  /** The RateLimit-Policy of every answer. */
  readonly policy: string;
  count(caller: string, rows: number): Promise<RowRecord>;
  countRefusal(caller: string): void;
}

/** What one request may take of its sender's limit. */
export class RowAllowance implements Allowance {
  private taken = 0;
  private record: RowRecord | undefined;

  constructor(
    private readonly limits: RowCounter,
    private readonly caller: string,
  ) {}

  async take(rows: number): Promise<void> {
    const { limit, seconds } = this.limits;
    const missing = rows - this.taken;
    if (missing <= 0) return;
    if (rows > limit) throw this.refusal('this request has more: send fewer at once');
    this.record = await this.limits.count(this.caller, missing);
    if (this.record.isBlocked) {
      // Whoever comes again has all the rows with him again.
      const wait = Math.ceil(this.record.timeToBlockExpire + (this.taken * seconds) / limit);
      throw this.refusal(`there is room for ${rows === 1 ? 'one' : rows} in ${wait} s`, wait);
    }
    this.taken = rows;
  }

  /** As draft-ietf-httpapi-ratelimit-headers-10 has them: rows that are left, and seconds until all are there again. */
  get headers(): readonly string[] {
    const { limit, policy } = this.limits;
    const { totalHits: used, timeToExpire } = this.record ?? { totalHits: 0, timeToExpire: 0 };
    const left = Math.max(0, Math.floor(limit - used));
    return ['RateLimit-Policy', policy, 'RateLimit', `"rows";r=${left};t=${Math.ceil(timeToExpire)}`];
  }

  private refusal(why: string, retryAfter?: number): DomainError {
    const { limit, seconds } = this.limits;
    this.limits.countRefusal(this.caller);
    const message = `A caller may send ${limit} rows in ${seconds} s, and ${why}.`;
    return new DomainError('rate_limited', message, retryAfter === undefined ? {} : { retryAfter });
  }
}
