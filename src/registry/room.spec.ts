import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { leavers, type Resident } from './room.js';

const resident = fc.record({
  bytes: fc.nat(100),
  mayLeave: fc.boolean(),
  isIdle: fc.boolean(),
  lastUsed: fc.nat(20),
});
const total = (list: readonly Resident[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);

describe('leavers', () => {
  const holds = (check: (all: Resident[], leaving: Resident[], bytes: number, budget: number) => void) => {
    fc.assert(
      fc.property(fc.array(resident, { maxLength: 12 }), fc.nat(150), fc.nat(600), (all, bytes, budget) => {
        check(all, leavers(all, bytes, budget), bytes, budget);
      }),
      { numRuns: 2000 },
    );
  };

  it('make room enough, or all leave that may; never one that may not', () => {
    holds((all, leaving, bytes, budget) => {
      const left = all.filter((one) => !leaving.includes(one));
      expect(leaving.every(({ mayLeave }) => mayLeave)).toBe(true);
      expect(total(left) + bytes <= budget || left.every(({ mayLeave }) => !mayLeave)).toBe(true);
    });
  });

  it('are no more than must', () => {
    holds((all, leaving, bytes, budget) => {
      const withoutLast = all.filter((one) => !leaving.slice(0, -1).includes(one));
      if (leaving.length > 0) expect(total(withoutLast) + bytes).toBeGreaterThan(budget);
    });
  });

  it('are those that nobody waits for before others, and the least recently used of each', () => {
    holds((all, leaving) => {
      const staying = all.filter((one) => one.mayLeave && !leaving.includes(one));
      for (const gone of leaving) {
        for (const stays of staying) {
          expect(gone.isIdle || !stays.isIdle).toBe(true);
          if (gone.isIdle === stays.isIdle) expect(gone.lastUsed).toBeLessThanOrEqual(stays.lastUsed);
        }
      }
    });
  });
});
