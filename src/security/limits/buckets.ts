import { LRUCache } from 'lru-cache';
import { type Rate } from '../../config/setting-kinds.js';
import { Bucket } from './bucket.js';
import { type RowRecord } from './row-storage.js';

/** Callers that are remembered, 15 MB of them; of more, those that were seen last. */
const MAX_CALLERS = 100_000;

/** A bucket for each caller. There is no timer: one empties when it is looked at. */
export class Buckets {
  private readonly byKey = new LRUCache<string, Bucket>({ max: MAX_CALLERS });

  take(key: string, rows: number, rate: Rate): RowRecord {
    return this.of(key).take(rows, rate, now());
  }

  add(key: string, rows: number, rate: Rate): void {
    this.of(key).add(rows, rate, now());
  }

  set(key: string, used: number): void {
    this.of(key).set(used, now());
  }

  /** What is in a bucket, which is gone then. */
  drain(key: string, rate: Rate): number {
    const bucket = this.byKey.get(key);
    if (!bucket) return 0;
    this.byKey.delete(key);
    return bucket.usedAt(rate, now());
  }

  private of(key: string): Bucket {
    const known = this.byKey.get(key);
    if (known) return known;
    const bucket = new Bucket(now());
    this.byKey.set(key, bucket);
    return bucket;
  }
}

function now(): number {
  return performance.now() / 1000;
}
