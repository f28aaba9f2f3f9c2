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
});
