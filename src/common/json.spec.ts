import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from './json.js';

const parse = (text: string) => parseJson(Buffer.from(text));

describe('parseJson', () => {
  it('reads what JSON.parse reads, where no name stands twice', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 3000 },
    );
  });

  it('finds a name that stands twice, wherever it is and however it is written', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', 'é', '__proto__', 'x') });
    fc.assert(
      fc.property(
        name,
        fc.jsonValue({ maxDepth: 2 }),
        fc.jsonValue({ maxDepth: 2 }),
        fc.boolean(),
        (key, first, second, nested) => {
          const object = `{${JSON.stringify(key)}: ${JSON.stringify(first)}, "y~": 1, ${JSON.stringify(key)}: ${JSON.stringify(second)}}`;
          expect(() => parse(nested ? `[1, {"deep": ${object}}]` : object)).toThrow('twice');
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('takes 64 levels, and no more', () => {
    expect(parse('['.repeat(64) + ']'.repeat(64))).toBeDefined();
    expect(() => parse('['.repeat(65) + ']'.repeat(65))).toThrow('64 levels');
    expect(() => parse('['.repeat(1_000_000) + ']'.repeat(1_000_000))).toThrow();
  });

  const list = (length: number, item: (index: number) => string) =>
    `[${Array.from({ length }, (_, index) => item(index)).join(',')}]`;

  it.each([
    ['objects', list(1_000_000, () => '{}'), '1000000 lists and objects: send fewer rows at once'],
    ['lists', list(1_000_000, () => '[]'), '1000000 lists and objects'],
    [
      'names of one object',
      `{${list(100_001, (i) => `"k${i}" : 1`).slice(1, -1)}}`,
      '100000 different names: no model takes so many',
    ],
    ['names of many objects', list(100_001, (i) => `{"k\\"${i}":1}`), '100000 different names'],
  ])('refuses more %s than can be parsed in passing', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it.each([
    ['objects', list(999_999, () => '{}')],
    ['names', list(100_000, (i) => `{"abcd${i}":1}`)],
    ['braces inside texts', JSON.stringify(['{['.repeat(1_000_000), '"{\\'.repeat(500_000)])],
    ['texts that are no names', list(300_000, (i) => `"abcd${i}"`)],
    ['rows of the same names', list(30_000, (i) => `{"age": ${i}, "income\\"": {"\\\\": 1}}`)],
  ])('takes as many %s as can', (_, text) => {
    expect(JSON.stringify(parse(text)) === JSON.stringify(JSON.parse(text))).toBe(true); // toEqual takes seconds
  });
});
