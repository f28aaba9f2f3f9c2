import { join } from 'node:path';
import { patientCaller } from '../common/caller.js';
import { didYouMean } from '../common/did-you-mean.js';
import { isJsonObject, type JsonObject } from '../common/json-schema/json-schema.js';
import { SourceFile, type SourcePath } from '../common/source-file.js';
import { validateSource } from '../common/validate-source.js';
import { type Row } from '../signature/columns.js';
import { type Batcher } from '../inference/batcher.js';
import { type Signature } from '../signature/signature.js';
import { checkOutputs } from './output-check.js';
import { predictRows } from './predict-rows.js';

interface GoldenRow {
  features: Row;
  expect: JsonObject;
  /** Largest difference of a number, absolute. */
  tolerance?: number;
}

const DEFAULT_TOLERANCE = 1e-4;
export const GOLDEN_FILE = 'golden.json';

const SCHEMA = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    required: ['features', 'expect'],
    additionalProperties: false,
    properties: {
      features: { type: 'object' },
      expect: { type: 'object', minProperties: 1 },
      tolerance: { type: 'number', minimum: 0 },
    },
  },
};

/**
 * Runs a version's known answers through the whole path: validation, encoding, the model, decoding.
 *
 * @returns the rows that were checked; none where there is no golden.json
 * @throws SourceProblem naming the line of the first answer that is not as expected
 */
export async function checkGolden(folder: string, signature: Signature | undefined, batcher: Batcher): Promise<Row[]> {
  const file = await SourceFile.readIfThere(join(folder, GOLDEN_FILE));
  if (!file) return [];
  const rows = validateSource(file, SCHEMA) as GoldenRow[];
  if (!signature) throw file.problem([], 'cannot be checked: the model has no signature, so it takes no rows');
  for (const [index, { features }] of rows.entries()) {
    const [problem] = signature.problems(features) ?? [];
    if (problem) throw file.problem([index, 'features', ...problem.path.split('/').slice(1)], problem.message);
  }
  const given = rows.map(({ features }) => features);
  await checkOutputs(signature, batcher, given);
  const answers = await predictRows(signature, batcher, given, patientCaller());
  for (const [index, { expect, tolerance = DEFAULT_TOLERANCE }] of rows.entries()) {
    const answer = answers[index];
    if (answer instanceof Error) throw file.problem([index], answer.message);
    const sent: unknown = JSON.parse(JSON.stringify(answer)); // as a client reads it
    const difference = compare(expect, sent, tolerance, [index, 'expect']);
    if (difference) throw file.problem(difference.path, difference.message);
  }
  return rows.map(({ features }) => features);
}

function compare(
  expected: unknown,
  actual: unknown,
  tolerance: number,
  path: SourcePath,
): { path: SourcePath; message: string } | undefined {
  if (typeof expected === 'number' && typeof actual === 'number') {
    if (Math.abs(expected - actual) <= tolerance) return undefined;
    return {
      path,
      message: `expected ${String(expected)} ±${String(tolerance)}, and the model answers ${String(actual)}`,
    };
  }
  if (isJsonObject(expected) && isJsonObject(actual)) {
    return first(Object.keys(expected), (key) =>
      Object.hasOwn(actual, key)
        ? compare(expected[key], actual[key], tolerance, [...path, key])
        : { path: [...path, key], message: `the model answers no such thing${didYouMean(key, Object.keys(actual))}` },
    );
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    return first([...expected.keys()], (index) => compare(expected[index], actual[index], tolerance, [...path, index]));
  }
  if (expected === actual) return undefined;
  return { path, message: `expected ${shown(expected)}, and the model answers ${shown(actual)}` };
}

function first<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, 80);
}
