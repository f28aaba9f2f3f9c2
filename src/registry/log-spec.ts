import { toMilliseconds } from '../common/duration.js';
import { didYouMean } from '../common/did-you-mean.js';
import { type SourceFile } from '../common/source-file.js';
import { featureNames } from '../signature/feature-names.js';
import { type Signature } from '../signature/signature.js';

/** `log` in model.yaml: that predictions are kept in the prediction log, and what of them. */
export interface LogSpec {
  /** The part of all requests that is kept, above 0 and up to 1. */
  sample: number;
  /** Names of features whose values are kept nowhere; each with what to say where no version has it. */
  redact: ReadonlyMap<string, string>;
  /** Milliseconds for which a prediction is kept; without it, until PREDICTIONS_KEPT lets it go. */
  keepMs: number | undefined;
}

/** `log` as it is written. */
export interface WrittenLogSpec {
  sample?: number;
  redact?: string[];
  keep?: unknown;
}

export const LOG_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sample: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    redact: { type: 'array', items: { type: 'string', minLength: 1 } },
    keep: {},
  },
};

/** @throws SourceProblem naming file and line */
export function readLogSpec(file: SourceFile, { sample = 1, redact = [], keep }: WrittenLogSpec): LogSpec {
  const keepMs = toMilliseconds(keep);
  if (keep !== undefined && keepMs === undefined)
    throw file.problem(['log', 'keep'], 'must be a duration such as 12h or 30d');
  const unknown = (name: string, index: number) =>
    file.problem(['log', 'redact', index], `no version has a feature ${name}`).message;
  return { sample, keepMs, redact: new Map(redact.map((name, index) => [name, unknown(name, index)])) };
}

/** Names to redact that are features of none of the versions: a misspelt one would have its values kept. */
export function redactionWarnings({ redact }: LogSpec, signatures: readonly Signature[]): string[] {
  if (redact.size === 0 || signatures.length === 0) return [];
  const known = new Set(
    signatures.flatMap(({ schema, lookup }) => [...featureNames(schema), ...(lookup ? [lookup.key] : [])]),
  );
  return [...redact].flatMap(([name, unknown]) =>
    known.has(name) ? [] : [`${unknown}, so it redacts nothing${didYouMean(name, known)}`],
  );
}
