import { LRUCache } from 'lru-cache';
import { type Settings } from '../config/settings.js';
import { bytesOf, type Kept } from './kept.js';

/**
 * With every so many new entries, twice as many old ones are looked at, and leave where their time is up: so those of
 * versions that are gone leave, too. One look at a time would cost as much as a look-up.
 */
const SWEEP_EVERY = 16;
/** One entry may take so much of the whole: a few of the largest must not drive out all others. */
const LARGEST_PART = 1 / 16;
/** No entry is smaller than this, in bytes: room is made for no more than fit. */
const SMALLEST = 256;

/** Predictions in this process's memory: the least recently used leave first. */
export class Memory {
  private readonly entries: LRUCache<string, Kept>;
  private newcomers = 0;

  /** @param onEvict told of each entry that leaves for want of room */
  constructor({ CACHE_MAX_ENTRIES, CACHE_MEMORY }: Settings, onEvict: () => void) {
    this.entries = new LRUCache({
      // It allocates its lists at once.
      max: Math.max(1, Math.min(CACHE_MAX_ENTRIES, Math.ceil(CACHE_MEMORY / SMALLEST))),
      maxSize: CACHE_MEMORY,
      maxEntrySize: Math.ceil(CACHE_MEMORY * LARGEST_PART),
      sizeCalculation: bytesOf,
      dispose: (_kept, _key, reason) => {
        if (reason === 'evict') onEvict();
      },
    });
  }

  get size(): number {
    return this.entries.size;
  }

  get bytes(): number {
    return this.entries.calculatedSize;
  }

  /** @param maxAgeMs one that is older does not count */
  get(key: string, maxAgeMs: number): Kept | undefined {
    const kept = this.entries.get(key);
    return kept && performance.now() - kept.madeAt < maxAgeMs ? kept : undefined;
  }

  set(key: string, kept: Kept): void {
    if (++this.newcomers % SWEEP_EVERY === 0) this.sweep();
    this.entries.set(key, kept);
  }

  private sweep(): void {
    const now = performance.now();
    let left = 2 * SWEEP_EVERY;
    for (const key of this.entries.rkeys()) {
      const expiresAt = this.entries.peek(key)?.expiresAt ?? Infinity;
      if (expiresAt > now || left-- === 0) return;
      this.entries.delete(key);
    }
  }
}
