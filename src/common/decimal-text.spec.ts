import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decimalText } from './decimal-text.js';
import { shortestFloat32 } from './float32.js';

const isText = (value: number) => {
  expect(decimalText(value)).toBe(String(value));
};

describe('decimalText is what String gives', () => {
  it.each([0, -0, 1, 0.5, 0.1, 0.25, 1e-6, 9.99e-7, 1e-7, 0.000001234, 0.999999999, 0.9999999999, 0.1 + 0.2, NaN, -0.5, 1e21])(
    'of %d', isText,
  ); // prettier-ignore

  it('of any double, and of its neighbours', () => {
    fc.assert(fc.property(fc.double(), isText), { numRuns: 20_000 });
    fc.assert(fc.property(fc.double({ min: 0, max: 1 }), isText), { numRuns: 20_000 });
  });

  it('of decimals below 1, and of doubles right beside them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 0, max: 3 }), (scaled, zeros) => {
        const value = scaled / 10 ** (9 - zeros);
        for (const near of [value, value * (1 + Number.EPSILON), value * (1 - Number.EPSILON / 2)]) isText(near);
      }),
      { numRuns: 50_000 },
    );
  });

  it('of any float32 in its shortest form', () => {
    fc.assert(fc.property(fc.float({ min: 0, max: 1 }), (value) => { isText(shortestFloat32(value)); }), { numRuns: 20_000 }); // prettier-ignore
  });
});
