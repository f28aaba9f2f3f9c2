import { type Redis as Client } from 'ioredis';
import { type Redis } from '../../redis/redis.js';
import { recordOf } from './bucket.js';
import { type MemoryStorage } from './memory-storage.js';
import { type RowRecord, type RowStorage } from './row-storage.js';
import { TAKE_ROWS } from './take-rows.lua.js';

/** The script as a command of the client. */
type TakeRows = (key: string, limit: number, windowUs: number, rows: number) => Promise<[taken: number, used: string]>;

/**
 * Counts rows in Redis, for all replicas together; in this process where Redis does not answer, from what it said last.
 */
export class RedisStorage implements RowStorage {
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
    const answer = await this.redis.ask((client) => takeRows(client, key, limit, ttl * 1000, rows));
    if (!answer) {
      this.onAlone();
      return this.local.increment(key, ttl, limit, blockDuration, throttlerName, rows);
    }
    const used = Number(answer[1]);
    this.local.set(key, used);
    return recordOf(used, rows, answer[0] === 1, { limit, seconds: ttl / 1000 });
  }
}

/** ioredis sends the digest of the script, and the script itself where Redis does not know it. */
function takeRows(client: Client & { takeRows?: TakeRows }, ...words: Parameters<TakeRows>): ReturnType<TakeRows> {
  if (!client.takeRows) client.defineCommand('takeRows', { numberOfKeys: 1, lua: TAKE_ROWS });
  return (client as Client & { takeRows: TakeRows }).takeRows(...words);
}
