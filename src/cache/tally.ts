import { type Metrics } from '../metrics/metrics.js';

/** Where a prediction was found that had been made before. */
export type Place = 'memory' | 'redis';

/** What the cache was asked for of one version: each row is a hit, a miss, or shares the run of another one's miss. */
export class Tally {
  private readonly hits: Record<Place, { inc(rows: number): void }>;
  private readonly misses: { inc(rows: number): void };
  private readonly shared: { inc(rows: number): void };

  /** Counters that know their labels: to sort these out each time would take longer than to look a row up. */
  constructor({ cacheHits, cacheMisses, cacheShared }: Metrics, model: string, version: string) {
    this.hits = {
      memory: cacheHits.labels({ model, version, place: 'memory' }),
      redis: cacheHits.labels({ model, version, place: 'redis' }),
    };
    this.misses = cacheMisses.labels({ model, version });
    this.shared = cacheShared.labels({ model, version });
  }

  hit(place: Place, rows: number): void {
    if (rows > 0) this.hits[place].inc(rows);
  }

  miss(rows: number): void {
    if (rows > 0) this.misses.inc(rows);
  }

  share(rows: number): void {
    if (rows > 0) this.shared.inc(rows);
  }
}
