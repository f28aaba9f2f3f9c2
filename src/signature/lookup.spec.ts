import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { createAjv } from '../common/json-schema/ajv.js';
import { loadSignature, type Signature } from './signature.js';

const COLUMNS = ['age', 'income', 'score'];
const FEATURES = {
  type: 'object',
  required: ['age', 'income', 'score'],
  properties: {
    age: { type: 'integer', minimum: 18, examples: [35] },
    income: { type: 'number', minimum: 0, examples: [5] },
    score: { type: ['integer', 'null'], default: 7 },
  },
};
const LOOKUP = { key: 'id', table: 'people', columns: { income: 'annual', score: 'score' } };

describe('lookup', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-lookup-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function signatureOf(
    lookup: unknown,
    features: object = FEATURES,
    columns: unknown[] = COLUMNS,
  ): Promise<Signature> {
    await writeFile(join(folder, 'signature.yaml'), stringify({ features, inputs: { x: columns }, lookup }));
    const signature = await loadSignature(folder, {
      inputs: [{ name: 'x', type: 'float32', shape: ['N', columns.length] }],
      outputs: [{ name: 'y', type: 'float32', shape: ['N', 1] }],
      unsupportedOutputs: [],
      optionalInputs: [],
      openShapes: [],
    });
    if (!signature) throw new Error('there is a signature.yaml');
    return signature;
  }

  const withProperties = (more: object, required: string[] = []) => ({
    ...FEATURES,
    required: [...FEATURES.required, ...required],
    properties: { ...more, ...FEATURES.properties },
  });

  it.each<[string, object, object, RegExp]>([
    ['a feature that there is not', { columns: { incme: 'a' } }, {}, /lookup.columns.incme: .*did you mean "income"/],
    ['a key that is looked up itself', { columns: { id: 'a' } }, {}, /lookup.columns.id: is the key/],
    ['a misspelt setting', { colums: {} }, {}, /lookup.colums: is not a known setting.*did you mean "columns"/],
    ['no columns', { columns: {} }, {}, /lookup.columns: must/],
    ['no table', { table: undefined }, {}, /lookup.table: is required/],
    ['a number for a column', { columns: { income: 3 } }, {}, /lookup.columns.income: must be a string/],
    ['quotes in a column', { columns: { income: 'a" from b; --' } }, {}, /lookup.columns.income: must be the name/],
    ['a space in a table', { table: 'a b' }, {}, /lookup.table: must be the name of a table/],
    ['a statement for a table', { table: 'a; drop table events' }, {}, /lookup.table: must be the name of a table/],
    ['a database in front of a table', { table: 'a.b.c' }, {}, /lookup.table: must be the name of a table/],
    ['an empty schema', { table: '.b' }, {}, /lookup.table: must be the name of a table/],
    ['a name beyond 63', { table: 'a'.repeat(64) }, {}, /lookup.table: must be the name of a table/],
    ['a key that is no column', { key: 'id"' }, {}, /lookup.key: must be the name of a column/],
    ['a key that every object has', { key: '__proto__' }, {}, /lookup.key: must be the name of a column/],
    ['a key of no kind', {}, { id: { type: 'number' } }, /properties.id: is the key.* a string or an integer/],
    ['a key that may be null', {}, { id: { type: ['string', 'null'] } }, /properties.id: is the key/],
    ['a default for the key', {}, { id: { type: 'string', default: 'A' } }, /id.default: .*no default/],
    ['a feature that no input uses', {}, { more: { type: 'number' } }, /features.properties.more: no input uses/],
  ])('fails with file and line: %s', async (_, change, properties, reason) => {
    const features = withProperties(properties, Object.keys(properties));
    const loaded = signatureOf({ ...LOOKUP, ...change }, features);
    const told = await loaded.then(
      () => 'nothing',
      (error: unknown) => (error as Error).message,
    );
    expect(told).toMatch(/^signature\.yaml:\d+: /);
    expect(told).toMatch(reason);
  });

  it('takes the key for text or a whole number that JSON tells exactly, where it is not declared', async () => {
    const { lookup } = await signatureOf(LOOKUP);
    const ok = (id: unknown) => lookup?.problems({ id, age: 30 }) === undefined;
    expect(['A-1', '', 7, -7, Number.MAX_SAFE_INTEGER].map(ok)).toEqual([true, true, true, true, true]);
    expect([2 ** 53, 1.5, null, true, [1], {}].map(ok)).toEqual([false, false, false, false, false, false]);
    expect(lookup?.keyOf({ id: 7 })).toBe('7');
    expect(lookup?.keyOf({})).toBeUndefined();
  });

  it('keeps a declared key out of the tensors and of complete rows', async () => {
    const signature = await signatureOf(LOOKUP, withProperties({ id: { type: 'integer', examples: [4] } }));
    expect(Object.keys(signature.schema.properties ?? {})).toEqual(COLUMNS);
    expect(signature.problems({ age: 30, income: 1, score: 2 })).toBeUndefined();
    expect(signature.lookup?.problems({ id: 'A', age: 30 })).toMatchObject([{ path: '/id' }]);
    expect(signature.lookup?.problems({ id: 2 ** 53, age: 30 })).toMatchObject([{ path: '/id' }]);
    expect(signature.example && signature.lookup?.keyedExample(signature.example)).toEqual({ id: 4, age: 35 });
    expect(signature.lookup?.concerns({ age: 30 })).toBe(false);
  });

  it('asks every row for a key that its author requires', async () => {
    const { lookup } = await signatureOf(LOOKUP, withProperties({ id: { type: 'string' } }, ['id']));
    expect(lookup?.concerns({ age: 30, income: 1, score: 2 })).toBe(true);
    expect(lookup?.rowSchema).toEqual(lookup?.keyedSchema);
  });

  it('leaves a key that the model takes as well where it is', async () => {
    const features = withProperties({ id: { type: 'integer', minimum: 0 } }, ['id']);
    const signature = await signatureOf(LOOKUP, features, ['id', ...COLUMNS]);
    expect(signature.lookup?.complete({ id: 3, age: 30 }, [1, 2])).toEqual({ id: 3, age: 30, income: 1, score: 2 });
    expect(signature.problems({ age: 30, income: 1, score: 2 })).toMatchObject([{ path: '/id' }]);
  });

  it('completes a row: what is stored wins, and nothing is the default or missing', async () => {
    const { lookup } = await signatureOf(LOOKUP);
    const sent = { id: 'A', age: 30, income: 9, score: 9 };
    expect(lookup?.complete(sent, [1, 2])).toEqual({ age: 30, income: 1, score: 2 });
    expect(lookup?.complete(sent, [null, null])).toEqual({ age: 30, income: undefined, score: 7 });
    expect(sent).toEqual({ id: 'A', age: 30, income: 9, score: 9 });
  });

  it('shows a schema that accepts exactly the rows that are accepted', async () => {
    const several = {
      ...withProperties({ id: { type: ['string', 'integer'] } }),
      dependentRequired: { debt: ['score'] },
      minProperties: 2,
    };
    const properties = { ...several.properties, debt: { type: 'number', default: 0 } };
    const withDefault = { ...FEATURES.properties, income: { type: 'number', minimum: 0, default: 1 } };
    const all = [FEATURES, { ...several, properties }, { ...FEATURES, required: ['age'], properties: withDefault }];
    for (const features of all) {
      const columns = 'debt' in features.properties ? [...COLUMNS, 'debt'] : COLUMNS;
      const signature = await signatureOf(LOOKUP, features, columns);
      const { lookup } = signature;
      const shown = createAjv().compile(signature.rowSchema);
      const value = fc.constantFrom<unknown>('A', 7, 1.5, null, 30, -1);
      const row = fc.record(
        {
          id: value,
          age: fc.constantFrom<unknown>(30, 5, 'x'),
          income: value,
          score: value,
          debt: value,
          other: value,
        },
        { requiredKeys: [] },
      );
      fc.assert(
        fc.property(row, (sent) => {
          const problems = lookup?.concerns(sent) ? lookup.problems(sent) : signature.problems(sent);
          expect(shown(sent)).toBe(problems === undefined);
        }),
        { numRuns: 2000 },
      );
    }
  });
});
