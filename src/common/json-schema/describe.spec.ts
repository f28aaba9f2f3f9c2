import { describe, expect, it } from '@jest/globals';
import { describeSchema } from './describe.js';

describe('describeSchema', () => {
  it.each([
    [{ type: 'integer', minimum: 18, maximum: 100 }, 'an integer from 18 to 100'],
    [{ type: 'number', exclusiveMinimum: 0, maximum: 1000000 }, 'a number above 0 and at most 1000000'],
    [{ type: 'number', minimum: 0 }, 'a number of at least 0'],
    [{ type: 'number', exclusiveMaximum: 1 }, 'a number below 1'],
    [{ type: 'number', minimum: -3.4028235e38, maximum: 3.4028235e38 }, 'a number that fits a 32-bit float'],
    [{ enum: ['full_time', 'part_time'] }, 'one of full_time, part_time'],
    [{ enum: ['a', null] }, 'a, or null'],
    [{ const: 2 }, '2'],
    [{ type: ['number', 'null'], minimum: 0, maximum: 1 }, 'a number from 0 to 1, or null'],
    [{ anyOf: [{ type: 'integer' }, { type: 'null' }] }, 'an integer, or null'],
    [{ type: 'boolean' }, 'true or false'],
    [{ type: 'string', minLength: 1, maxLength: 3 }, 'a string of 1 to 3 characters'],
    [{ type: 'string', format: 'date' }, 'a string in the format date'],
    [
      {
        type: 'array',
        minItems: 8,
        maxItems: 8,
        items: { type: 'array', minItems: 8, maxItems: 8, items: { type: 'number', minimum: 0, maximum: 16 } },
      },
      'a list of 8 lists of 8 numbers from 0 to 16',
    ],
    [{ allOf: [{ type: 'integer' }], minimum: 3 }, 'an integer of at least 3'],
    [{}, 'a valid value'],
  ])('%j is %s', (schema, words) => {
    expect(describeSchema(schema)).toBe(words);
  });
});
