import { describe, expect, it } from '@jest/globals';
import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { SourceProblem } from '../common/source-file.js';
import { type DataType } from '../inference/tensor.js';
import { analyseFeatures } from './feature.js';
import { RowValidator } from './row-validator.js';
import { withTensorLimits } from './tensor-limits.js';

const featureOf = (schema: JsonSchema | boolean) =>
  analyseFeatures({
    schema: { type: 'object', required: ['f'], properties: { f: schema as JsonSchema } },
    problem: (_, message) => new SourceProblem(message),
  }).get('f');

describe('schemas as services have them', () => {
  it.each<[string, JsonSchema, object]>([
    [
      'pydantic Optional',
      { anyOf: [{ type: 'number' }, { type: 'null' }], default: null },
      { kind: 'number', nullable: true, fallback: null },
    ],
    ['pydantic int | float', { anyOf: [{ type: 'integer' }, { type: 'number' }] }, { kind: 'number', nullable: false }],
    [
      'pydantic Enum | Literal',
      {
        anyOf: [
          { enum: ['r', 'g'], type: 'string' },
          { const: 'b', type: 'string' },
        ],
      },
      { kind: 'string', values: ['r', 'g', 'b'] },
    ],
    ['pydantic Enum | str', { anyOf: [{ enum: ['r', 'g'], type: 'string' }, { type: 'string' }] }, { kind: 'string' }],
    ['TypeBox union of literals', { anyOf: [{ const: 'a' }, { const: 'b' }] }, { kind: 'string', values: ['a', 'b'] }],
    ['allOf around a definition', { allOf: [{ type: 'integer', maximum: 9 }], minimum: 1 }, { kind: 'integer' }],
    [
      'zod tuple',
      { type: 'array', prefixItems: [{ type: 'number' }, { type: 'integer' }], items: false, minItems: 2 },
      { kind: 'number', shape: [2] },
    ],
    [
      'pydantic tuple',
      { type: 'array', prefixItems: [{ type: 'number' }, { type: 'number' }], minItems: 2, maxItems: 2 },
      { kind: 'number', shape: [2] },
    ],
    [
      'nested list',
      { type: 'array', items: { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 } },
      { kind: 'number', shape: [undefined, 3] },
    ],
    [
      'optional list',
      {
        anyOf: [{ type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 2 }, { type: 'null' }],
        default: [0, 0],
      },
      { shape: [2], nullable: true, fallback: [0, 0] },
    ],
  ])('reads %s', (_, schema, feature) => {
    expect(featureOf(schema)).toMatchObject(feature);
  });

  it.each<[string, JsonSchema | boolean]>([
    ['anything', true],
    ['a number or anything', { anyOf: [{ type: 'integer' }, {}] }],
    ['a number or text', { type: ['number', 'string'] }],
    ['a number or a list', { anyOf: [{ type: 'number' }, { type: 'array', items: { type: 'number' } }] }],
    ['a list or text', { anyOf: [{ type: 'array', items: { type: 'number' } }, { type: 'string' }] }],
    [
      'lists of different depth',
      {
        anyOf: [
          { type: 'array', items: { type: 'number' } },
          { type: 'array', items: { type: 'array', items: { type: 'number' } } },
        ],
      },
    ],
    ['a tuple of text and numbers', { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'number' } }],
    ['an open tuple', { type: 'array', prefixItems: [{ type: 'number' }] }],
    ['a list with holes', { type: 'array', items: { type: ['number', 'null'] } }],
    ['an object', { type: 'object' }],
    ['nothing at all', { type: 'null' }],
  ])('refuses %s rather than guess', (_, schema) => {
    expect(() => featureOf(schema)).toThrow('in every branch the same');
  });

  it.each<[DataType, (number | undefined)[], JsonSchema, unknown[], unknown[]]>([
    ['int8', [], { anyOf: [{ type: 'integer' }, { type: 'null' }] }, [127, null], [128, -129]],
    ['int8', [], { allOf: [{ type: 'integer' }], anyOf: [{ minimum: 0 }, { maximum: -10 }] }, [5, -20], [300, -5]],
    [
      'int8',
      [2],
      { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'integer' }], items: false },
      [[1, 44]],
      [[1, 300], [1], [1, 2, 3]],
    ],
    ['float32', [2], { type: 'array', items: { type: 'number', minimum: 0 } }, [[0, 1]], [[0, 1e39], [-1, 0], [1]]],
    ['string', [2], { type: 'array', items: { type: 'string' } }, [['a', 'b']], [['a', 'b\u0000'], ['a']]],
    ['string', [], { type: 'string', pattern: '^a' }, ['ab'], ['b', 'a\u0000']],
    ['float32', [], { type: 'number', multipleOf: 0.01 }, [0.07, 0.3], [0.075]],
    ['float32', [], { type: 'number', exclusiveMinimum: 0 }, [1e-30], [0, 1e39]],
  ])('%s%j limits %j', (type, lengths, schema, good, bad) => {
    const validator = new RowValidator({
      type: 'object',
      required: ['f'],
      properties: { f: withTensorLimits(schema, type, lengths) },
    });
    for (const f of good) expect(validator.problems({ f })).toBeUndefined();
    for (const f of bad) expect(validator.problems({ f })).toBeDefined();
  });
});
