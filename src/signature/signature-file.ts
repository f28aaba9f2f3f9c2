import { join } from 'node:path';
import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { SourceFile } from '../common/source-file.js';
import { validateSource } from '../common/validate-source.js';

/** One column of a tensor: a feature as it is, or one made from an enum. */
export type ColumnSpec = string | { oneHot: string } | { ordinal: string };

export interface OutputSpec {
  task: 'binary' | 'multiclass' | 'regression' | 'raw';
  scores?: string;
  positive?: number;
  classes?: string[];
  threshold?: number;
}

/** signature.yaml, as its author wrote it. */
export interface SignatureSpec {
  description?: string;
  features?: JsonSchema;
  inputs?: Record<string, ColumnSpec | ColumnSpec[]>;
  output?: OutputSpec;
  batching?: 'on' | 'off' | 'auto';
  limits?: Limits;
  lookup?: LookupSpec;
}

/** Features that are stored in a database. */
export interface LookupSpec {
  /** What a row gives, and the column that is compared with it. */
  key: string;
  table: string;
  /** Column by feature. */
  columns: Record<string, string>;
}

/** What a version may take of the service; what is left out is measured, or comes from the settings. */
export interface Limits {
  /** Rows that one run may hold. */
  run_rows?: number;
  /** Rows that may wait. */
  queue_rows?: number;
  /** Milliseconds after which a request is answered that it took too long. */
  timeout_ms?: number;
  /** Worker threads, where it is too slow for the HTTP thread. */
  threads?: number;
}

const COLUMN = {
  anyOf: [
    { type: 'string' },
    ...['oneHot', 'ordinal'].map((encoding) => ({
      type: 'object',
      properties: { [encoding]: { type: 'string' } },
      required: [encoding],
      additionalProperties: false,
    })),
  ],
};

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    description: { type: 'string' },
    features: { type: 'object' },
    inputs: {
      type: 'object',
      additionalProperties: { anyOf: [{ type: 'array', items: COLUMN, minItems: 1 }, ...COLUMN.anyOf] },
    },
    output: {
      type: 'object',
      additionalProperties: false,
      properties: {
        task: { enum: ['binary', 'multiclass', 'regression', 'raw'] },
        scores: { type: 'string' },
        positive: { enum: [0, 1] },
        classes: { type: 'array', items: { type: ['string', 'integer', 'boolean'] }, minItems: 2, uniqueItems: true },
        threshold: { type: 'number', minimum: 0, maximum: 1 },
      },
    },
    batching: { enum: ['on', 'off', 'auto'] },
    limits: {
      type: 'object',
      additionalProperties: false,
      properties: {
        run_rows: { type: 'integer', minimum: 1 },
        queue_rows: { type: 'integer', minimum: 1 },
        timeout_ms: { type: 'integer', minimum: 1 },
        threads: { type: 'integer', minimum: 1, maximum: 64 },
      },
    },
    lookup: {
      type: 'object',
      additionalProperties: false,
      required: ['key', 'table', 'columns'],
      properties: {
        key: { type: 'string' },
        table: { type: 'string' },
        columns: { type: 'object', minProperties: 1, additionalProperties: { type: 'string' } },
      },
    },
  },
};

export const SIGNATURE_FILE = 'signature.yaml';

/**
 * Reads a version's signature.yaml, if it has one.
 *
 * @throws SourceProblem naming file and line
 */
export async function readSignatureFile(
  folder: string,
): Promise<{ file: SourceFile; spec: SignatureSpec } | undefined> {
  const file = await SourceFile.readIfThere(join(folder, SIGNATURE_FILE));
  if (!file) return undefined;
  const spec = validateSource(file, SCHEMA) as SignatureSpec;
  const classes = spec.output?.classes?.map(String); // YAML makes numbers of 0 and 1, and booleans of true and false
  if (new Set(classes).size !== (classes?.length ?? 0))
    throw file.problem(['output', 'classes'], 'must be different names');
  const output = { ...spec.output, task: spec.output?.task ?? 'raw', ...(classes && { classes }) };
  return { file, spec: { ...spec, output } };
}
