import { type Redis } from '../redis/redis.js';
import { fromText, type Kept, toText } from './kept.js';

/** Rows that Redis is asked for at a time; a batch with more missing ones is run without asking. */
const MOST_ROWS = 1000;
/** Characters of a prediction that are kept there; larger ones would take as long to fetch as to make. */
const MOST_TEXT = 256 * 1024;

/** Predictions in Redis, where all replicas find them. It fails nothing: what cannot be had or kept is made anew. */
export class Shared {
  constructor(private readonly redis: Redis) {}

  /** @param maxAgeMs one that is older does not count */
  async get(keys: readonly string[], maxAgeMs: number, ttlMs: number): Promise<(Kept | undefined)[]> {
    if (keys.length > MOST_ROWS) return [];
    const texts = await this.redis.ask((client) => client.mget(keys.map(nameOf)));
    const oldest = performance.now() - maxAgeMs;
    return (texts ?? []).map((text) => {
      const kept = text === null || text.length > MOST_TEXT ? undefined : fromText(text, ttlMs);
      return kept && kept.madeAt > oldest ? kept : undefined;
    });
  }

  /** Waits for nothing. */
  set(entries: readonly (readonly [key: string, kept: Kept])[], ttlMs: number): void {
    const texts = entries.slice(0, MOST_ROWS).map(([key, kept]) => [nameOf(key), toText(kept)] as const);
    const small = texts.filter(([, text]) => text.length <= MOST_TEXT);
    if (small.length === 0) return;
    void this.redis.ask(async (client) => {
      const pipeline = client.pipeline();
      for (const [name, text] of small) pipeline.set(name, text, 'PX', ttlMs);
      const failure = (await pipeline.exec())?.find(([error]) => error)?.[0];
      if (failure) throw failure;
    });
  }
}

function nameOf(key: string): string {
  return `prediction:${key}`;
}
