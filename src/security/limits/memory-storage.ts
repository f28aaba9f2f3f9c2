import { LRUCache } from 'lru-cache';
import { type Rate } from '../../config/setting-kinds.js';
import { Bucket } from './bucket.js';
import { type RowRecord, type RowStorage } from './row-storage.js';
import { type Shared } from './siblings.js';

/** Callers that are remembered, 15 MB of them; of more, those that were seen last. */
const MAX_CALLERS = 100_000;

/** Counts rows in this process. There is no timer: a bucket empties when it is looked at. */
export class MemoryStorage implements RowStorage {
  private readonly buckets = new LRUCache<string, Bucket>({ max: MAX_CALLERS });

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
    const record = this.bucketOf(key).take(rows, { limit, seconds: ttl / 1000 }, nowInSeconds());
    if (!record.isBlocked) this.shared?.note(key, rows);
    return Promise.resolve(record);
  }

  /** Adds rows that were taken in another process. */
  add(key: string, rows: number, rate: Rate): void {
    this.bucketOf(key).add(rows, rate, nowInSeconds());
  }

  /** Takes over what Redis knows of a caller. */
  set(key: string, used: number): void {
    this.bucketOf(key).set(used, nowInSeconds());
  }

  private bucketOf(key: string): Bucket {
    const known = this.buckets.get(key);
    if (known) return known;
    const bucket = new Bucket(nowInSeconds());
    this.buckets.set(key, bucket);
    return bucket;
  }
}

function nowInSeconds(): number {
  return performance.now() / 1000;
}
