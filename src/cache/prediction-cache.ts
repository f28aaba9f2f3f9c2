import { Inject, Injectable } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { EndOfTurn } from '../common/end-of-turn.js';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { Redis } from '../redis/redis.js';
import { type LoadedVersion } from '../registry/loaded-version.js';
import { type Resolved } from '../registry/model-registry.js';
import { type RowOutcome } from '../registry/predict-rows.js';
import { type Row } from '../signature/columns.js';
import { type Signature } from '../signature/signature.js';
import { freshnessOf } from './cache-control.js';
import { Flights } from './flights.js';
import { type Kept } from './kept.js';
import { Memory } from './memory.js';
import { RowKeys } from './row-keys.js';
import { Shared } from './shared.js';
import { Tally } from './tally.js';

/** What is known of a version for as long as it is in memory. */
interface Known {
  keys: RowKeys;
  tally: Tally;
}

/** One request's way through the cache. */
interface Search extends Known {
  loaded: LoadedVersion;
  signature: Signature;
  caller: Caller;
  ttlMs: number;
  maxAgeMs: number;
}

/** A row that is looked for, and where it stands in its request. */
interface Wanted {
  key: string;
  row: Row;
  index: number;
}

/** What became of a row: what was kept of it, or what a run made of it. */
type Found = { kept: Kept } | { outcome: RowOutcome };

/**
 * Predictions that were made before: in memory, and in Redis for all replicas.
 *
 * A row is known by what its model sees of it, and by the digest of the files that were loaded: no version ever answers
 * with what another one said, whatever took whose place. What fails is never kept. Nothing that is wrong with Redis
 * fails a prediction.
 */
@Injectable()
export class PredictionCache {
  private readonly memory: Memory;
  private readonly shared: Shared | undefined;
  private readonly flights = new Flights<Found>();
  private readonly endOfTurn = new EndOfTurn();
  private readonly known = new WeakMap<LoadedVersion, Known>();

  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    @Inject(Redis) redis: Redis | undefined,
  ) {
    this.shared = redis && new Shared(redis);
    this.memory = new Memory(settings, () => {
      metrics.cacheEvictions.inc();
    });
    metrics.onScrape(() => {
      metrics.cacheEntries.set(this.memory.size);
      metrics.cacheBytes.set(this.memory.bytes);
    });
  }

  /**
   * As `LoadedVersion.predict`, for rows that the signature accepted; runs only those that nobody has seen yet. Tells
   * the caller what it had.
   *
   * Several rows that may depend on each other in a run are not looked for: alone they might get another answer.
   *
   * @throws DomainError `inference_failed`, `overloaded`, `deadline_exceeded`; CallerLeft
   */
  async predict(
    { model, version, loaded, caching }: Resolved,
    signature: Signature,
    rows: readonly Row[],
    caller: Caller,
  ): Promise<RowOutcome[]> {
    caller.cacheUse = { hits: 0, ageMs: 0 };
    const isCached = caching !== 'never' && loaded.isWhole && (rows.length === 1 || loaded.keepsRowsApart);
    if (!isCached) return loaded.predict(signature, rows, caller);
    const ttlMs = caching?.ttlMs ?? this.settings.CACHE_TTL_S * 1000;
    const { maxAgeMs, mayKeep } = freshnessOf(caller.cacheControl);
    const known = this.knownOf(model, version, loaded, signature);
    const search: Search = { ...known, loaded, signature, caller, ttlMs, maxAgeMs: Math.min(maxAgeMs, ttlMs) };
    if (maxAgeMs > 0) return this.search(search, rows);
    const outcomes = await loaded.predict(signature, rows, caller);
    if (mayKeep) this.keep(search, wanted(search, rows), outcomes);
    return outcomes;
  }

  private async search(search: Search, rows: readonly Row[]): Promise<RowOutcome[]> {
    const { loaded, tally, caller, maxAgeMs } = search;
    const outcomes = new Array<RowOutcome>(rows.length);
    const missing = wanted(search, rows).filter(({ key, index }) => {
      const kept = this.memory.get(key, maxAgeMs);
      if (kept) outcomes[index] = taken({ kept }, caller);
      return !kept;
    });
    tally.hit('memory', rows.length - missing.length);
    loaded.batcher.lastUsed = performance.now(); // what is asked for is in use, though it does not run
    if (missing.length === 0) {
      // Answers that are written one right after the other wake their readers once: 28 µs of CPU for a hit in place of 54.
      await this.endOfTurn.wait();
      return outcomes;
    }
    const letGo = loaded.hold();
    try {
      const found = await this.fetch(search, missing);
      for (const [place, { index }] of missing.entries()) outcomes[index] = taken(found[place] as Found, caller);
      return outcomes;
    } finally {
      letGo();
    }
  }

  /** What is not in memory: shares the runs of others, and makes its own where there is none, or another's failed. */
  private async fetch(search: Search, missing: readonly Wanted[]): Promise<Found[]> {
    const found = await this.flights.bring({
      keys: missing.map(({ key }) => key),
      caller: search.caller,
      maxAgeMs: search.maxAgeMs,
      begin: (places, crew) => {
        const own = places.map((place) => missing[place] as Wanted);
        return this.fly(search, own, crew);
      },
      onShared: (rows) => {
        search.tally.share(rows);
      },
    });
    return this.fill(search, missing, found, search.caller);
  }

  /** Looks rows up in Redis, and runs those that are not there. */
  private async fly(search: Search, rows: readonly Wanted[], crew: Caller): Promise<Found[]> {
    const { loaded, tally, maxAgeMs, ttlMs } = search;
    const letGo = loaded.hold();
    try {
      const keys = rows.map(({ key }) => key);
      const known = this.shared?.isThere ? await this.shared.get(keys, maxAgeMs, ttlMs) : [];
      const found = keys.map((key, place) => {
        const kept = known[place];
        if (kept) this.memory.set(key, kept);
        return kept && { kept };
      });
      const hits = found.filter(Boolean).length;
      tally.hit('redis', hits);
      tally.miss(rows.length - hits);
      return await this.fill(search, rows, found, crew);
    } finally {
      letGo();
    }
  }

  /** Runs the rows of which nothing was found. */
  private async fill(
    search: Search,
    rows: readonly Wanted[],
    found: readonly (Found | undefined)[],
    caller: Caller,
  ): Promise<Found[]> {
    const left = rows.filter((_, place) => !found[place]);
    if (left.length === 0) return found as Found[];
    const outcomes = await search.loaded.predict(
      search.signature,
      left.map(({ row }) => row),
      caller,
    );
    this.keep(search, left, outcomes);
    let next = 0;
    return found.map((one) => one ?? { outcome: outcomes[next++] as RowOutcome });
  }

  /** Keeps predictions; failures are none. */
  private keep({ ttlMs }: Search, rows: readonly Wanted[], outcomes: readonly RowOutcome[]): void {
    const madeAt = performance.now();
    for (const [place, { key }] of rows.entries()) {
      const prediction = outcomes[place];
      if (!prediction || prediction instanceof Error) continue;
      const kept = { prediction, madeAt, expiresAt: madeAt + ttlMs };
      this.memory.set(key, kept);
      this.shared?.set(key, kept, ttlMs);
    }
  }

  private knownOf(model: string, version: string, loaded: LoadedVersion, signature: Signature): Known {
    let known = this.known.get(loaded);
    if (!known) {
      const keys = new RowKeys([model, version, loaded.digest], loaded.graph, signature);
      known = { keys, tally: new Tally(this.metrics, model, version) };
      this.known.set(loaded, known);
    }
    return known;
  }
}

function wanted({ keys }: Search, rows: readonly Row[]): Wanted[] {
  return rows.map((row, index) => ({ key: keys.of(row), row, index }));
}

/** An answer; the caller is told where it was kept. */
function taken(found: Found, { cacheUse }: Caller): RowOutcome {
  if ('outcome' in found) return found.outcome;
  const { prediction, madeAt } = found.kept;
  if (cacheUse) {
    cacheUse.hits++;
    cacheUse.ageMs = Math.max(cacheUse.ageMs, performance.now() - madeAt);
  }
  return prediction;
}
