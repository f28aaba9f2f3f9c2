import { describe, expect, it } from '@jest/globals';
import { freshnessOf } from './cache-control.js';

describe('freshnessOf', () => {
  it.each([
    [undefined, Infinity, true],
    ['', Infinity, true],
    ['no-cache', 0, true],
    ['No-Cache', 0, true],
    ['no-store', 0, false],
    ['max-age=0', 0, true],
    ['max-age=60', 60_000, true],
    ['max-age="60"', 60_000, true],
    ['max-age=60, max-age=5', 5000, true],
    [' max-age = 60 ,\tno-store', 0, false],
    ['no-transform, only-if-cached, max-stale=5', Infinity, true],
    ['max-age=-1', Infinity, true],
    ['max-age=1e3', Infinity, true],
    ['max-age', Infinity, true],
    ['no-cached', Infinity, true],
    ['no-cache="set-cookie"', 0, true],
    ['max-age=9999999999', Infinity, true],
    [','.repeat(1000), Infinity, true],
    [','.repeat(16_000), 0, false],
    [`no-cache${' '.repeat(900)}x`, Infinity, true],
    [`no-cache${' '.repeat(16_000)}x`, 0, false],
  ])('%p', (text, maxAgeMs, mayKeep) => {
    expect(freshnessOf(text)).toEqual({ maxAgeMs, mayKeep });
  });
});
