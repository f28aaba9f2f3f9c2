import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BackgroundWriter } from './background-writer.js';

class Away extends Error {}

const BATCH = 3;
const MOST = 20;

type Step = { add: number } | { outcome: 'written' | 'refused' | 'away' | 'slow' } | 'flush' | 'turn';

const STEP = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({ add: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ outcome: fc.constantFrom('written' as const, 'refused' as const, 'away' as const, 'slow' as const) }),
  fc.constant('flush' as const),
  fc.constant('turn' as const),
);

describe('BackgroundWriter', () => {
  it('writes each item in order or says that it is lost, one batch at a time, and never holds more than it may', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), async (steps) => {
        let outcome = 'written';
        let added = 0;
        let lost = 0;
        let isWriting = false;
        let awayTimes = 0;
        const written: number[] = [];
        const refused: number[] = [];
        const writer = new BackgroundWriter<number>({
          batchSize: BATCH,
          mostWaiting: MOST,
          isAway: (error) => error instanceof Away,
          onLost: ({ count }) => (lost += count),
          write: async (batch) => {
            expect(isWriting).toBe(false);
            expect(batch.length).toBeLessThanOrEqual(BATCH);
            isWriting = true;
            const now = outcome;
            const items = [...batch];
            await (now === 'slow' ? sleep(2) : Promise.resolve());
            expect(batch).toEqual(items);
            isWriting = false;
            if (now === 'away') {
              awayTimes++;
              throw new Away();
            }
            if (now === 'refused') {
              refused.push(...batch);
              throw new Error('refused');
            }
            written.push(...batch);
          },
        });
        for (const step of steps) {
          if (step === 'turn') await new Promise(setImmediate);
          else if (step === 'flush') {
            const before = awayTimes;
            await writer.flush();
            if (awayTimes === before) expect(written.length + lost).toBe(added);
          } else if ('outcome' in step) outcome = step.outcome;
          else for (let i = 0; i < step.add; i++) writer.add(added++);
          expect(added - written.length - lost).toBeLessThanOrEqual(MOST);
        }
        outcome = 'written';
        await writer.stop();
        const settled = [...written, ...refused];
        expect(written).toEqual([...written].sort((a, b) => a - b));
        expect(new Set(settled).size).toBe(settled.length);
        expect(written.length + lost).toBe(added);
      }),
      { numRuns: 300 },
    );
  });

  it('writes a full batch at once, and what is left after a second', async () => {
    const batches: number[][] = [];
    const writer = new BackgroundWriter<number>({
      batchSize: 2,
      mostWaiting: 100,
      isAway: () => false,
      onLost: () => undefined,
      write: (batch) => {
        batches.push([...batch]);
        return Promise.resolve();
      },
    });
    for (let item = 0; item < 5; item++) writer.add(item);
    await new Promise(setImmediate);
    expect(batches).toEqual([[0, 1], [2, 3]]); // prettier-ignore
    await sleep(1500);
    expect(batches.at(-1)).toEqual([4]);
  });

  it('counts by weight, drops the oldest first, and tells of it once a minute', async () => {
    const told: number[] = [];
    let news = 0;
    const writer = new BackgroundWriter<{ size: number }>({
      batchSize: 10,
      mostWaiting: 100,
      weigh: ({ size }) => size,
      isAway: () => true,
      onLost: ({ count, isNews }) => {
        told.push(count);
        if (isNews) news++;
      },
      write: () => Promise.reject(new Error()),
    });
    for (let item = 0; item < 10; item++) writer.add({ size: 10 });
    expect(told).toEqual([]);
    writer.add({ size: 25 }); // what is left of the ten is being written from now on
    writer.add({ size: 1000 }); // larger than all that may wait
    expect([told, news]).toEqual([[3, 2], 1]); // prettier-ignore
    await writer.stop();
  });

  it('does not wait for the last items any longer than two seconds', async () => {
    const writer = new BackgroundWriter<number>({
      batchSize: 1,
      mostWaiting: 10,
      isAway: () => false,
      onLost: () => undefined,
      write: () => new Promise(() => undefined),
    });
    writer.add(1);
    const started = performance.now();
    await writer.stop();
    expect(performance.now() - started).toBeGreaterThan(1500);
  });
});
