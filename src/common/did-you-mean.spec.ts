import { describe, expect, it } from '@jest/globals';
import { didYouMean } from './did-you-mean.js';

describe('didYouMean', () => {
  it.each([
    ['incom', '; did you mean "income"?'],
    ['INCOME', '; did you mean "income"?'],
    ['agee', '; did you mean "age"?'],
    ['zip', ''],
    ['x'.repeat(100_000), ''],
  ])('%s', (name, hint) => {
    expect(didYouMean(name, ['age', 'income'])).toBe(hint);
  });
});
