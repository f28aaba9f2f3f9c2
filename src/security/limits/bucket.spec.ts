import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bucket } from './bucket.js';

const rates = fc.record({ limit: fc.integer({ min: 1, max: 1e6 }), seconds: fc.integer({ min: 1, max: 86_400 }) });

const part = (max: number) => fc.double({ min: 0, max, noNaN: true });
/** Requests of one caller: how long after the one before, in parts of the time, and how many of the rows. Mostly too many. */
const requests = fc.array(
  fc.record({ pause: fc.oneof({ weight: 9, arbitrary: part(0.1) }, part(2)), share: part(0.4) }),
  { maxLength: 60 },
);

interface Taken {
  at: number;
  rows: number;
}

describe('Bucket', () => {
  it('never gives more than the limit and what the time has brought, in any time', () => {
    fc.assert(
      fc.property(rates, requests, (rate, sent) => {
        const bucket = new Bucket(0);
        const taken: Taken[] = [];
        let now = 0;
        for (const { pause, share } of sent) {
          now += pause * rate.seconds;
          const rows = Math.ceil(share * rate.limit);
          if (!bucket.take(rows, rate, now).isBlocked) taken.push({ at: now, rows });
        }
        for (const [first, { at: from }] of taken.entries()) {
          let rows = 0;
          for (const { at, rows: more } of taken.slice(first)) {
            rows += more;
            const most = rate.limit + ((at - from) * rate.limit) / rate.seconds;
            expect(rows).toBeLessThanOrEqual(most * (1 + 1e-9));
          }
        }
      }),
    );
  });

  it('refuses only where there is no room, and says when there is: not before, and then', () => {
    fc.assert(
      fc.property(rates, requests, (rate, sent) => {
        const bucket = new Bucket(0);
        let now = 0;
        for (const { pause, share } of sent) {
          now += pause * rate.seconds;
          const rows = Math.min(rate.limit, Math.ceil(share * rate.limit));
          const { isBlocked, timeToBlockExpire: wait, totalHits: used } = bucket.take(rows, rate, now);
          if (!isBlocked) continue;
          expect(used + rows).toBeGreaterThan(rate.limit);
          const early = bucket.take(rows, rate, now + wait * 0.99 - 1e-6);
          expect(early.isBlocked).toBe(true);
          now += wait * (1 + 1e-9) + 1e-6;
          expect(bucket.take(rows, rate, now).isBlocked).toBe(false);
        }
      }),
    );
  });

  it('gives whoever takes each row as soon as there is one the limit, and then what the time brings: no less, no more', () => {
    const few = fc.record({ limit: fc.integer({ min: 1, max: 50 }), seconds: fc.integer({ min: 1, max: 86_400 }) });
    fc.assert(
      fc.property(few, fc.integer({ min: 1, max: 20 }), (rate, times) => {
        const bucket = new Bucket(0);
        let rows = 0;
        for (let now = 0; now < times * rate.seconds;) {
          const { isBlocked, timeToBlockExpire: wait } = bucket.take(1, rate, now);
          if (isBlocked) now += wait + 1e-9 * rate.seconds;
          else rows++;
        }
        expect(Math.abs(rows - rate.limit * (1 + times))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('takes all of a batch or nothing, and is empty again after the time', () => {
    const rate = { limit: 10, seconds: 5 };
    const bucket = new Bucket(0);
    expect(bucket.take(8, rate, 0)).toMatchObject({ isBlocked: false, totalHits: 8, timeToExpire: 4 });
    expect(bucket.take(3, rate, 0)).toMatchObject({ isBlocked: true, totalHits: 8, timeToBlockExpire: 0.5 });
    expect(bucket.take(2, rate, 0)).toMatchObject({ isBlocked: false, totalHits: 10 });
    expect(bucket.take(10, rate, 5)).toMatchObject({ isBlocked: false });
  });

  it('has what was taken elsewhere missing afterwards, though it runs over', () => {
    const rate = { limit: 10, seconds: 5 };
    const bucket = new Bucket(0);
    bucket.add(25, rate, 0);
    expect(bucket.take(1, rate, 7.9).isBlocked).toBe(true);
    expect(bucket.take(1, rate, 8).isBlocked).toBe(false);
  });
});
