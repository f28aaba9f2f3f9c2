import { type Redis as Client } from 'ioredis';
import { type Redis } from '../../redis/redis.js';
import { recordOf } from './bucket.js';
import { Buckets } from './buckets.js';
import { type MemoryStorage } from './memory-storage.js';
import { type RowRecord, type RowStorage } from './row-storage.js';
import { TAKE_ROWS } from './take-rows.lua.js';

/** Requests that one call counts. Redis does nothing else meanwhile: 6 to 10 µs for each. */
const MAX_TOGETHER = 64;

/** A request that waits to be counted. */
interface Take {
  key: string;
  limit: number;
  seconds: number;
  rows: number;
  resolve: (record: RowRecord) => void;
  reject: (error: Error) => void;
}

/** What the script answers: for each request whether it was taken, and rows used. */
type Answer = (number | string)[];

/**
 * Counts rows in Redis, for all replicas together: those of all requests that came in one turn of the event loop by one
 * call, since a call costs as much as a small prediction.
 *
 * Where Redis does not answer they are counted in this process, from what Redis said last, and added to its count when it
 * answers again: neither its end nor its return gives anything away.
 */
export class RedisStorage implements RowStorage {
  private waiting: Take[] = [];
  /** Rows that were taken here and that Redis has not counted. */
  private readonly owed = new Buckets();

  /** @param onAlone told each time that this process counts alone */
  constructor(
    private readonly redis: Redis,
    private readonly local: MemoryStorage,
    private readonly onAlone: () => void,
  ) {}

  increment(
    key: string,
    ttl: number,
    limit: number,
    _blockDuration: number,
    _throttlerName: string,
    rows = 1,
  ): Promise<RowRecord> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, limit, seconds: ttl / 1000, rows, resolve, reject });
      // After all that has arrived has been read.
      if (this.waiting.length === 1)
        setImmediate(() => {
          this.send();
        });
    });
  }

  private send(): void {
    const all = this.waiting;
    this.waiting = [];
    for (let at = 0; at < all.length; at += MAX_TOGETHER) {
      const takes = all.slice(at, at + MAX_TOGETHER);
      this.count(takes).catch((error: unknown) => {
        for (const { reject } of takes) reject(error as Error);
      });
    }
  }

  private async count(takes: readonly Take[]): Promise<void> {
    const owed = takes.map((take) => this.owed.drain(take.key, take));
    const sent = { isCounted: false };
    const answer = await this.redis.ask((client) => {
      sent.isCounted = true;
      return takeRows(client, takes, owed).catch((error: unknown) => {
        sent.isCounted = (error as Error).name !== 'ReplyError'; // else it has refused, as when it is full
        throw error;
      });
    });
    for (const [index, take] of takes.entries()) {
      if (answer) {
        const used = Number(answer[2 * index + 1]);
        this.local.set(take.key, used);
        take.resolve(recordOf(used, take.rows, answer[2 * index] === 1, take));
      } else {
        // Where nobody knows whether Redis has counted them it is taken for granted: nobody pays twice.
        take.resolve(this.countAlone(take, sent.isCounted ? undefined : owed[index]));
      }
    }
  }

  /** @param owed what its caller owes already; undefined where it owes nothing, and will owe nothing for this */
  private countAlone(take: Take, owed: number | undefined): RowRecord {
    this.onAlone();
    const record = this.local.take(take.key, take.rows, take);
    if (owed === undefined) return record;
    const uncounted = owed + (record.isBlocked ? 0 : take.rows);
    if (uncounted > 0) this.owed.add(take.key, uncounted, take);
    return record;
  }
}

type TakeRows = (...words: unknown[]) => Promise<Answer>;

/** The script as a command: ioredis sends its digest, and itself where Redis does not know it. */
function takeRows(
  client: Client & { takeRows?: TakeRows },
  takes: readonly Take[],
  owed: readonly number[],
): Promise<Answer> {
  if (!client.takeRows) client.defineCommand('takeRows', { lua: TAKE_ROWS });
  const keys = takes.map(({ key }) => key);
  const words = takes.flatMap(({ limit, seconds, rows }, index) => [limit, seconds * 1e6, rows, owed[index]]);
  return (client as Client & { takeRows: TakeRows }).takeRows(keys.length, ...keys, ...words);
}
