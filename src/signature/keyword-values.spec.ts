import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { SourceFile, SourceProblem } from '../common/source-file.js';
import { readFeatures } from './features.js';
import { KEYWORDS } from './keywords.js';
import { RowValidator } from './row-validator.js';

const VALUES: unknown[] = [
  ...[true, false, null, 0, 1, -1, 0.5, -0.5, Infinity, NaN, 3],
  ...['', 'number', 'any', '^a+$', '(', '[a', 'x y', '\\p{L}', '\\-'],
  ...[[], [1], ['a'], ['a', 'b'], ['a', 'a'], ['number'], ['number', 'null'], ['number', 'number'], ['any'], [[]]],
  ...[[{}], [{}, true], [true]],
  ...[{}, { a: 1 }, { a: {} }, { a: true }, { '(': {} }, { a: ['b'] }, { a: ['b', 'b'] }, { a: [1] }],
];
/** Words of others, of older drafts, and those that name a schema. */
const OTHERS = ['discriminator', 'example', 'additionalItems', '$schema', '$id', '$ref', '$anchor'];

describe('the values of keywords', () => {
  const ajv = new Ajv2020({ strict: false, strictNumbers: true, logger: false });
  let folder: string;
  let file: SourceFile;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-keywords-'));
    await writeFile(join(folder, 'signature.yaml'), 'features: {}\n');
    file = await SourceFile.read(join(folder, 'signature.yaml'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function isRefused(schema: JsonSchema): Promise<boolean> {
    try {
      const { schema: read } = await readFeatures(folder, file, schema, []);
      expect(() => new RowValidator(read)).not.toThrow(); // it could not name the line
      return false;
    } catch (error) {
      if (!(error instanceof SourceProblem)) throw error;
      expect(error.message).toMatch(/^signature\.yaml:1: features\.properties\.f\.[^ ]+: must be /);
      return true;
    }
  }

  it.each(KEYWORDS.filter((keyword) => !OTHERS.includes(keyword)))('%s: those of JSON Schema', async (keyword) => {
    // A tuple, in drafts before 2020-12.
    for (const value of VALUES.filter((one) => keyword !== 'items' || !Array.isArray(one))) {
      const schema = { type: 'object', properties: { f: { [keyword]: value } } } as JsonSchema;
      let isLegal = true;
      try {
        ajv.compile(schema);
      } catch {
        isLegal = false;
      }
      expect({ value, refused: await isRefused(schema) }).toEqual({ value, refused: !isLegal });
    }
  });
});
