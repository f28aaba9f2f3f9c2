import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sourceAt } from './json-source.js';

/** Every value inside a value, with the way to it. */
function* inside(value: unknown, path: (string | number)[] = []): Iterable<[(string | number)[], unknown]> {
  yield [path, value];
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* inside(item, [...path, index]);
  else if (typeof value === 'object' && value !== null)
    for (const [name, item] of Object.entries(value)) yield* inside(item, [...path, name]);
}

describe('sourceAt', () => {
  it('finds each value of a text, however it is written', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }), fc.constantFrom(0, 1, '\t'), (json, space) => {
        const text = JSON.stringify(json, null, space);
        for (const [path, value] of inside(JSON.parse(text))) expect(JSON.parse(sourceAt(text, path))).toEqual(value);
      }),
    );
  });

  it('keeps all digits', () => {
    const text = ' {"a\\"]": "x}", "in" :[{ "data" : [ 9007199254740993 , -1e3] }\n] } ';
    expect(sourceAt(text, ['in', 0, 'data'])).toBe('[ 9007199254740993 , -1e3]');
    expect(sourceAt(text, ['in', 0, 'data', 1])).toBe('-1e3');
    expect(sourceAt(' 18446744073709551615 ', [])).toBe('18446744073709551615');
  });

  it('says so where there is nothing', () => {
    expect(() => sourceAt('{"a":1}', ['b'])).toThrow('leads nowhere');
    expect(() => sourceAt('[1]', [3])).toThrow('leads nowhere');
  });
});
