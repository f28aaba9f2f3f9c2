import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareVersions, isRange, isValidName, looksLikeVersion, satisfies } from './version-name.js';

describe('version names', () => {
  it('sorts semver after all others, and each by its own order', () => {
    const sorted = ['b', 'a10', 'a9', '10.0.0', '2', 'v1.5', '1.5.0-rc.1', '1.0.0'].sort(compareVersions);
    expect(sorted).toEqual(['a9', 'a10', 'b', '1.0.0', '1.5.0-rc.1', 'v1.5', '2', '10.0.0']);
  });

  it('is a total order', () => {
    const name = fc.oneof(
      fc.stringMatching(/^v?\d{1,2}(\.\d{1,2}){0,2}(-rc\.\d)?$/),
      fc.stringMatching(/^[a-z0-9._-]{1,6}$/),
    );
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['^1', '~1.2', '1.x', '>=1 <3', '1 || 2', '*'])('%s is a range', (selector) => {
    expect(isRange(selector)).toBe(true);
  });

  it.each(['1', 'v2', '1.2.0', 'stable', 'latest', '', '^nope', 'max'])('%s is none', (selector) => {
    expect(isRange(selector)).toBe(false);
  });

  it('matches short versions too', () => {
    expect(satisfies('v2', '^2')).toBe(true);
    expect(satisfies('1.2', '~1.2')).toBe(true);
    expect(satisfies('nightly', '*')).toBe(false);
    expect([looksLikeVersion('1'), looksLikeVersion('v2.0'), looksLikeVersion('iris')]).toEqual([true, true, false]);
  });

  it.each(['', '.hidden', '..', 'a/b', 'a b', 'ä', 'x'.repeat(65)])('%j is no valid name', (name) => {
    expect(isValidName(name)).toBe(false);
  });
});
