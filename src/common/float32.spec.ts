import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { shortestFloat32 } from './float32.js';

const digits = (x: number): number => x.toExponential().split('e')[0]?.replace(/[-.]/g, '').length ?? 0;

describe('shortestFloat32', () => {
  it.each([
    [Math.fround(0.72), '0.72'],
    [Math.fround(0.1), '0.1'],
    [Math.fround(1 / 3), '0.33333334'],
    [Math.fround(3.4028235e38), '3.4028235e+38'],
    [Math.fround(1e-45), '1e-45'],
    [16777216, '16777216'],
    [-0.5, '-0.5'],
    [0, '0'],
  ])('writes %d as %s', (value, text) => {
    expect(String(shortestFloat32(value))).toBe(text);
  });

  it('leaves what is not finite alone', () => {
    expect([NaN, Infinity, -Infinity].map(shortestFloat32)).toEqual([NaN, Infinity, -Infinity]);
  });

  it('reads back to the same float32, with no more digits than any text that does', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const shortest = shortestFloat32(value);
        expect(Math.fround(shortest)).toBe(value);
        for (let p = 1; p < digits(shortest); p++) expect(Math.fround(Number(value.toPrecision(p)))).not.toBe(value);
      }),
      { numRuns: 20_000 },
    );
  });
});
