import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Caller, CallerLeft, patientCaller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Found } from './feature-table.js';
import { LookupQueue } from './lookup-queue.js';
import { Slots } from './slots.js';

const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms));
const never = new Promise<Found>(() => undefined);
const foundAll = (keys: readonly string[]): Found => new Map(keys.map((key) => [key, [key]]));

/** A queue on a table that is told how to answer. */
function subject(answer: (keys: readonly string[]) => Promise<Found>, slots = new Slots(2)) {
  const queries: (readonly string[])[] = [];
  let under = 0;
  let most = 0;
  const find = async (keys: readonly string[]) => {
    queries.push(keys);
    most = Math.max(most, ++under);
    try {
      return await answer(keys);
    } finally {
      under--;
    }
  };
  const queue = new LookupQueue({ find, slots, mostQueries: 1, mostWaiting: 100 });
  return { queue, queries, most: () => most };
}

describe('lookup queue', () => {
  it('asks once for what is wanted in one turn, each key once', async () => {
    const { queue, queries } = subject((keys) => Promise.resolve(foundAll(keys)));
    const all = ['a', 'b', 'a', 'c'].map((key) => queue.find([key], patientCaller()));
    for (const [index, found] of (await Promise.all(all)).entries())
      expect(found.get(['a', 'b', 'a', 'c'][index] ?? '')).toBeDefined();
    expect(queries).toEqual([['a', 'b', 'c']]);
  });

  it('gathers what comes while a query is under way, and reads it afterwards', async () => {
    const { queue, queries, most } = subject(async (keys) => pause(20).then(() => foundAll(keys)));
    const first = queue.find(['a'], patientCaller());
    await pause(5);
    const others = ['a', 'b'].map((key) => queue.find([key], patientCaller()));
    await Promise.all([first, ...others]);
    expect(queries).toEqual([['a'], ['a', 'b']]);
    expect(most()).toBe(1);
  });

  it('refuses at once what is too much, but not a caller who could never wait', async () => {
    const { queue } = subject(() => never);
    void queue.find(['a'], patientCaller());
    await pause();
    const large = Array.from({ length: 100 }, (_, index) => String(index));
    void queue.find(large, patientCaller());
    await expect(queue.find(['b'], patientCaller())).rejects.toMatchObject({ code: 'overloaded', retryAfter: 1 });
    const alone = subject((keys) => Promise.resolve(foundAll(keys)));
    expect((await alone.queue.find([...large, 'more'], patientCaller())).size).toBe(101);
  });

  it('answers at the deadline, and neither asks for what nobody waits for nor keeps its place', async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>();
    const { queue, queries } = subject((keys) => held.then(() => foundAll(keys)));
    const first = queue.find(['a'], patientCaller());
    await pause();
    const gone: Caller = { ...patientCaller(), hasLeft: false };
    const leaving = queue.find(['left'], gone);
    const late = queue.find(['late'], { ...patientCaller(), deadline: performance.now() + 20 });
    await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await pause(2); // Node's timers may fire a millisecond early
    Object.assign(gone, { hasLeft: true });
    const full = queue.find(
      Array.from({ length: 100 }, (_, index) => `k${index}`),
      patientCaller(),
    );
    await expect(leaving).rejects.toBeInstanceOf(CallerLeft);
    release(undefined);
    await Promise.all([first, full]);
    expect(queries.flat()).not.toContain('left');
    expect(queries.flat()).not.toContain('late');
  });

  it('a query that fails, fails those who shared it alone; another queue finds a slot', async () => {
    const slots = new Slots(2);
    const failing = subject(() => Promise.reject(new DomainError('dependency_unavailable', 'away')), slots);
    const hanging = subject(() => never, slots);
    const good = subject((keys) => Promise.resolve(foundAll(keys)), slots);
    void hanging.queue.find(['h'], patientCaller());
    await expect(failing.queue.find(['a'], patientCaller())).rejects.toMatchObject({ code: 'dependency_unavailable' });
    expect((await good.queue.find(['a'], patientCaller())).get('a')).toEqual(['a']);
  });

  it('in any timing each caller is answered once, by what was read after it asked, and no more queries run than may', async () => {
    const step = fc.record({
      keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
      wait: fc.constantFrom(0, 0, 0, 1, 3),
      takes: fc.constantFrom(0, 1, 4),
      fails: fc.constantFrom(false, false, false, true),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        let clock = 0;
        let query = 0;
        const { queue, most } = subject(async (keys) => {
          const { takes, fails } = steps[query++ % steps.length] as (typeof steps)[number];
          const readAt = ++clock;
          await pause(takes);
          if (fails) throw new DomainError('dependency_unavailable', 'away');
          return new Map(keys.map((key) => [key, [readAt]]));
        });
        const asked = [];
        for (const { keys, wait } of steps) {
          const since = ++clock;
          asked.push(
            queue.find(keys, patientCaller()).then(
              (found) => {
                for (const key of keys) expect((found.get(key) as number[])[0]).toBeGreaterThan(since);
              },
              (error: unknown) => {
                expect(error).toMatchObject({ code: 'dependency_unavailable' });
              },
            ),
          );
          if (wait > 0) await pause(wait);
        }
        await Promise.all(asked);
        expect(most()).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});
