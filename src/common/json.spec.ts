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

  it.each([
    ['', 'The body is empty: send a JSON object.'],
    [' \n', 'The body is empty: send a JSON object.'],
    ['\uFEFF{}', 'The body begins with a byte order mark: send UTF-8 without one.'],
    [
      '{"a": NaN}',
      'is not valid JSON at line 1, column 7: JSON has no NaN; send null where the schema allows it, and tensors as binary data.',
    ],
    [
      '{"a":\n[1, -Infinity]}',
      'at line 2, column 6: JSON has no Infinity; send null where the schema allows it, and tensors as binary data.',
    ],
    ['{"NaN": 1e5, "b": [2E-3, true], "c": None}', 'at line 1, column 38: write null.'],
    ['{"a": True}', 'at line 1, column 7: write true.'],
    ['{"a": abc}', 'is not valid JSON at line 1, column 7.'],
    ["{'a': 1}", 'is not valid JSON at line 1, column 2.'],
    ['{"a": 1,}', 'is not valid JSON at line 1, column 9.'],
    ['{"a": 1}\u00a0', 'is not valid JSON at line 1, column 9.'],
    ['{"a": 1} {', 'is not valid JSON at line 1, column 10.'],
    ['{"a": 01, "b": NaN}', 'is not valid JSON at line 1, column 8.'],
    ['{"a": 1', 'The body ends too early at line 1, column 8: a quote, brace or bracket is not closed.'],
    ['{"a":\n', 'ends too early at line 1, column 6'],
    ['{"a": "b\\"', 'ends too early at line 1, column 11'],
    ['{', 'ends too early at line 1, column 2'],
    ['[1,', 'ends too early at line 1, column 4'],
  ])('says of %j what is wrong and where', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it('says of any text that is cut off that it ends too early, and quotes nothing of it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.nat(), (value, cut) => {
        const text = JSON.stringify({ secret: value });
        expect(() => parse(text.slice(0, 1 + (cut % (text.length - 1))))).toThrow('ends too early');
      }),
    );
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
