import { type ThrottlerStorage } from '@nestjs/throttler';

/**
 * What a storage says to a request: `totalHits` rows are used now, none of them in `timeToExpire` seconds; rows that were
 * refused (`isBlocked`) fit in `timeToBlockExpire`. None of these is rounded.
 */
export type RowRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** A storage of the throttler that counts rows: `increment` takes several at once, all of them or none. */
export interface RowStorage extends ThrottlerStorage {
  /**
   * @param ttl milliseconds in which `limit` rows may be taken
   * @param blockDuration unused: who is refused waits until there is room, and no longer
   * @param rows 1 where nothing is said
   */
  increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
    rows?: number,
  ): Promise<RowRecord>;
}
