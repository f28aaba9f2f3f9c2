import { describe, expect, it } from '@jest/globals';
import { fitShape } from './tensor-shape.js';

describe('fitShape', () => {
  it.each([
    [
      [8, 8],
      [1, 8, 8],
      [1, 8, 8],
    ],
    [
      [8, 8],
      [8, 8, 1],
      [8, 8, 1],
    ],
    [
      [1, 8, 8],
      [8, 8],
      [8, 8],
    ],
    [[], [1], [1]],
    [[], [], []],
    [[3], ['F'], [3]],
    [
      [undefined, 2],
      ['T', 2],
      [{ ofFeature: 0 }, 2],
    ],
    [[undefined], ['C', 'T'], [1, { ofFeature: 0 }]],
    [
      [undefined, undefined],
      [4, 5],
      [4, 5],
    ],
  ])('brings %j into %j', (feature, tensor, dims) => {
    expect(fitShape(feature, tensor)?.dims).toEqual(dims);
  });

  it.each([
    [[8, 8], [64]],
    [[3], [4]],
    [[3], [1]],
    [[], [2]],
    [[2, 2], [2]],
  ])('finds no way to bring %j into %j', (feature, tensor) => {
    expect(fitShape(feature, tensor)).toBeUndefined();
  });

  it('settles open lengths by the tensor', () => {
    expect(fitShape([undefined, undefined], [1, 4, 'T'])?.lengths).toEqual([4, undefined]);
  });
});
