import { type Redis as Client } from 'ioredis';
import { type Redis } from '../../redis/redis.js';
import { recordOf } from './bucket.js';
import { Buckets } from './buckets.js';
import { type MemoryStorage } from './memory-storage.js';
import { type RowRecord, type RowStorage } from './row-storage.js';
import { TAKE_ROWS } from './take-rows.lua.js';

/** The script as a command of the client. */
type TakeRows = (
  key: string,
  limit: number,
  windowUs: number,
  rows: number,
  owed: number,
) => Promise<[taken: number, used: string]>;

/**
 * Counts rows in Redis, for all replicas together. Where Redis does not answer they are counted in this process, from
 * what Redis said last, and added to its count when it answers again: neither its end nor its return gives anything away.
 */
export class RedisStorage implements RowStorage {
  /** Rows that were taken here and that Redis has not counted. */
  private readonly owed = new Buckets();

  /** @param onAlone told each time that this process counts alone */
  constructor(
    private readonly redis: Redis,
    private readonly local: MemoryStorage,
    private readonly onAlone: () => void,
  ) {}

  async increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
    rows = 1,
  ): Promise<RowRecord> {
    const rate = { limit, seconds: ttl / 1000 };
    const owed = this.owed.drain(key, rate);
    const sent = { isCounted: false };
    const answer = await this.redis.ask((client) => {
      sent.isCounted = true;
      return takeRows(client, key, limit, ttl * 1000, rows, owed).catch((error: unknown) => {
        sent.isCounted = (error as Error).name !== 'ReplyError'; // else it has refused, as when it is full
        throw error;
      });
    });
    if (answer) {
      const used = Number(answer[1]);
      this.local.set(key, used);
      return recordOf(used, rows, answer[0] === 1, rate);
    }
    this.onAlone();
    const record = await this.local.increment(key, ttl, limit, blockDuration, throttlerName, rows);
    // Where nobody knows whether Redis has counted them it is taken for granted: nobody pays twice.
    const uncounted = owed + (record.isBlocked ? 0 : rows);
    if (!sent.isCounted && uncounted > 0) this.owed.add(key, uncounted, rate);
    return record;
  }
}

/** ioredis sends the digest of the script, and the script itself where Redis does not know it. */
function takeRows(client: Client & { takeRows?: TakeRows }, ...words: Parameters<TakeRows>): ReturnType<TakeRows> {
  if (!client.takeRows) client.defineCommand('takeRows', { numberOfKeys: 1, lua: TAKE_ROWS });
  return (client as Client & { takeRows: TakeRows }).takeRows(...words);
}
