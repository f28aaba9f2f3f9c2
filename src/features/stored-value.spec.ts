import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Feature } from '../signature/feature.js';
import { toFeatureValue } from './stored-value.js';

const feature = (kind: Feature['kind'], shape: number[] = []): Feature => ({ name: 'f', kind, shape, nullable: false });

describe('toFeatureValue', () => {
  it.each<[Feature['kind'], unknown, unknown]>([
    ['number', 1.5, 1.5],
    ['number', '1.50', 1.5],
    ['number', '-1e3', -1000],
    ['number', 7n, 7],
    ['integer', '9007199254740991', 9007199254740991],
    ['integer', 9007199254740992n, 9007199254740992],
    ['boolean', 1n, true],
    ['boolean', 0, false],
    ['boolean', 'false', false],
    ['boolean', true, true],
    ['string', 7n, '7'],
    ['string', '2026-01-31', '2026-01-31'],
  ])('makes a %s of %p', (kind, stored, value) => {
    expect(toFeatureValue(stored, feature(kind))).toBe(value);
    expect(toFeatureValue(null, feature(kind))).toBeNull();
  });

  it.each<[Feature['kind'], unknown]>([
    ['number', 'abc'],
    ['number', ''],
    ['number', ' 5'],
    ['number', '0x10'],
    ['number', '1_000'],
    ['number', 'NaN'],
    ['number', true],
    ['integer', '9007199254740993'],
    ['integer', 9007199254740993n],
    ['boolean', 2n],
    ['boolean', 't'],
    ['string', 1.5],
    ['string', new Uint8Array(1)],
  ])('leaves for the schema to refuse, as a %s: %p', (kind, stored) => {
    expect(toFeatureValue(stored, feature(kind))).toBe(stored);
  });

  it('reads nested arrays from JSON', () => {
    expect(toFeatureValue('[[1,2],[3,4]]', feature('number', [2, 2]))).toEqual([[1, 2], [3, 4]]); // prettier-ignore
    expect(toFeatureValue([1, 2], feature('number', [2]))).toEqual([1, 2]);
    expect(toFeatureValue('[1,', feature('number', [2]))).toBe('[1,');
  });

  it('gives a number that a client could have sent, or none', () => {
    const whole = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n });
    fc.assert(
      fc.property(whole, (stored) => {
        for (const value of [stored, String(stored)]) {
          const number = toFeatureValue(value, feature('integer'));
          if (typeof number === 'number') expect(BigInt(number)).toBe(stored);
          else expect(number).toBe(value);
        }
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (stored) => {
        fc.pre(!Number.isInteger(stored)); // of those, above
        expect(toFeatureValue(JSON.stringify(stored), feature('number'))).toBe(stored);
      }),
    );
  });
});
