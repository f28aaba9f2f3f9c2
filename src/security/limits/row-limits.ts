import { createHash } from 'node:crypto';
import { normalizeIp } from '@nestjs/throttler';
import { type PinoLogger } from 'nestjs-pino';
import { type Principal } from '../../common/principal.js';
import { type Rate } from '../../config/setting-kinds.js';
import { type Metrics } from '../../metrics/metrics.js';
import { type Redis } from '../../redis/redis.js';
import { RowAllowance, type RowCounter } from './allowance.js';
import { MemoryStorage } from './memory-storage.js';
import { type LimitedCaller, RateLimits } from './rate-limits.js';
import { RedisStorage } from './redis-storage.js';
import { type RowRecord, type RowStorage } from './row-storage.js';
import { Shared, type Siblings } from './siblings.js';

/** Milliseconds between two lines of the log that say that this process counts alone. */
const ALONE_EVERY_MS = 60_000;
/** A longer name, as the subject of a token may be, is told by its digest. */
const MAX_NAME = 64;
const KNOWN = 'caller:';

/** Counts rows by caller, in Redis or in memory. */
export class RowLimits extends RateLimits implements RowCounter {
  readonly limit: number;
  readonly seconds: number;
  /** The policy's name is what it counts. */
  readonly policy: string;
  readonly storage: RowStorage;
  /** Before each key: after a change of RATE_LIMIT what was counted by another means nothing. */
  private readonly prefix: string;
  private lastAlone = -Infinity;

  constructor(
    rate: Rate,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
    redis: Redis | undefined,
    siblings: Siblings | undefined,
  ) {
    super();
    const { limit, seconds } = rate;
    this.limit = limit;
    this.seconds = seconds;
    this.policy = `"rows";q=${limit};w=${seconds}`;
    this.prefix = `limit:${limit}/${seconds}:`;
    const local = new MemoryStorage(siblings && new Shared(siblings));
    if (siblings) {
      siblings.onTold = (taken) => {
        for (const [key, rows] of taken) local.add(key, rows, rate);
      };
    }
    this.storage = redis
      ? new RedisStorage(redis, local, () => {
          this.countAlone();
        })
      : local;
  }

  allowanceOf({ principal, address }: LimitedCaller): RowAllowance {
    return new RowAllowance(this, principal ? keyOf(principal) : addressKey(address));
  }

  count(caller: string, rows: number): Promise<RowRecord> {
    return this.storage.increment(this.prefix + caller, this.seconds * 1000, this.limit, 0, 'rows', rows);
  }

  countRefusal(caller: string): void {
    this.metrics.limitedRequests.inc({ by: caller.startsWith(KNOWN) ? 'caller' : 'address' });
  }

  private countAlone(): void {
    this.metrics.limitedAlone.inc();
    const now = performance.now();
    if (now - this.lastAlone < ALONE_EVERY_MS) return;
    this.lastAlone = now;
    this.logger.warn('Rate limits are counted by each process alone while Redis does not answer');
  }
}

/** A key and a token of one name are two callers. */
function keyOf({ kind, name }: Pick<Principal, 'kind' | 'name'>): string {
  return `${KNOWN}${kind}:${name.length > MAX_NAME ? createHash('sha256').update(name).digest('base64url') : name}`;
}

/** Of IPv6 the network of 64 bits counts: whoever has one address of it has all. */
function addressKey(address: string): string {
  return `address:${normalizeIp(address)}`;
}
