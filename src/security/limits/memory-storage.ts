import { type Rate } from '../../config/setting-kinds.js';
import { Buckets } from './buckets.js';
import { type RowRecord, type RowStorage } from './row-storage.js';
import { type Shared } from './siblings.js';

/** Counts rows in this process. */
export class MemoryStorage implements RowStorage {
  private readonly buckets = new Buckets();

  /** @param shared takes what is taken here, where other processes count, too */
  constructor(private readonly shared?: Shared) {}

  increment(
    key: string,
    ttl: number,
    limit: number,
    _blockDuration: number,
    _throttlerName: string,
    rows = 1,
  ): Promise<RowRecord> {
    return Promise.resolve(this.take(key, rows, { limit, seconds: ttl / 1000 }));
  }

  /** The same, at once. */
  take(key: string, rows: number, rate: Rate): RowRecord {
    const record = this.buckets.take(key, rows, rate);
    if (!record.isBlocked) this.shared?.note(key, rows);
    return record;
  }

  /** Adds rows that were taken in another process. */
  add(key: string, rows: number, rate: Rate): void {
    this.buckets.add(key, rows, rate);
  }

  /** Takes over what Redis knows of a caller. */
  set(key: string, used: number): void {
    this.buckets.set(key, used);
  }
}
