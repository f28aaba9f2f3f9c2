import { join } from 'node:path';
import { isJsonObject } from '../common/json-schema/json-schema.js';
import { SourceFile, type SourcePath } from '../common/source-file.js';
import { validateSource } from '../common/validate-source.js';
import { LOG_SCHEMA, type LogSpec, readLogSpec, type WrittenLogSpec } from './log-spec.js';

/** model.yaml: what holds for every version of a model. */
export interface ModelSpec {
  description?: string;
  /** Its model answers /predict. */
  primary?: boolean;
  /** A version or a label. */
  default?: string;
  /** Version by label. */
  labels?: Record<string, string>;
  load?: 'eager' | 'lazy';
  versions?: 'all' | { latest: number } | string[];
  /** Absent where its predictions are not kept. */
  log?: LogSpec;
}

const NAME = { type: 'string', pattern: '^(?!\\.)[A-Za-z0-9._-]{1,64}$' };

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    description: { type: 'string' },
    primary: { type: 'boolean' },
    default: NAME,
    labels: { type: 'object', propertyNames: NAME, additionalProperties: NAME },
    load: { enum: ['eager', 'lazy'] },
    versions: {
      anyOf: [
        { const: 'all' },
        {
          type: 'object',
          properties: { latest: { type: 'integer', minimum: 1 } },
          required: ['latest'],
          additionalProperties: false,
        },
        { type: 'array', items: NAME, minItems: 1 },
      ],
    },
    log: LOG_SCHEMA,
  },
};

export const MODEL_FILE = 'model.yaml';

/**
 * Reads a model's model.yaml; empty where there is none.
 *
 * @param versions the versions that the folder holds
 * @param warnings told what was left out of it, as lines for its author
 * @throws SourceProblem naming file and line
 */
export async function readModelFile(
  folder: string,
  versions: readonly string[],
  warnings: string[],
): Promise<ModelSpec> {
  const file = await SourceFile.readIfThere(join(folder, MODEL_FILE));
  if (!file) return {};
  checkQuotes(file);
  const { log, ...spec } = validateSource(file, SCHEMA) as ModelSpec & { log?: WrittenLogSpec };
  checkVersions(file, spec, versions);
  const served = new Set(selectVersions(spec, versions));
  const labels = checkLabels(file, spec, served, warnings);
  if (spec.default !== undefined && !served.has(spec.default) && !Object.hasOwn(labels, spec.default)) {
    const there = [...served].join(', ');
    throw file.problem(['default'], `${spec.default} is neither a version nor a label (it serves ${there})`);
  }
  return { ...spec, labels, ...(log && { log: readLogSpec(file, log) }) };
}

/** The versions that model.yaml asks for, of those that there are (from old to new). */
export function selectVersions({ versions = 'all' }: ModelSpec, all: readonly string[]): readonly string[] {
  if (versions === 'all') return all;
  return Array.isArray(versions) ? versions : all.slice(-versions.latest);
}

/** YAML reads an unquoted 1.10 as the number 1.1, which is another version. */
function checkQuotes(file: SourceFile): void {
  const value = file.value();
  if (!isJsonObject(value)) return;
  const labels = isJsonObject(value.labels) ? Object.keys(value.labels) : [];
  const versions = Array.isArray(value.versions) ? [...value.versions.keys()] : [];
  const names: SourcePath[] = [
    ['default'],
    ...labels.map((label) => ['labels', label]),
    ...versions.map((index) => ['versions', index]),
  ];
  for (const path of names) {
    const [key = '', inside] = path;
    const found = inside === undefined ? value[key] : (value[key] as Record<string, unknown>)[inside];
    if (typeof found !== 'number') continue;
    const written = file.writtenAt(path) ?? String(found);
    throw file.problem(path, `is the number ${String(found)} to YAML: write it in quotes, "${written}"`);
  }
}

function checkVersions(file: SourceFile, { versions }: ModelSpec, all: readonly string[]): void {
  if (!Array.isArray(versions)) return;
  for (const [index, version] of versions.entries()) {
    if (!all.includes(version))
      throw file.problem(['versions', index], `there is no version ${version} (it has ${all.join(', ')})`);
  }
}

/** The labels that mean a version. One that means none is left out, unless it is the default: that has no other. */
function checkLabels(
  file: SourceFile,
  spec: ModelSpec,
  served: ReadonlySet<string>,
  warnings: string[],
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [label, version] of Object.entries(spec.labels ?? {})) {
    const fail = (message: string) => file.problem(['labels', label], message);
    if (label === 'latest') throw fail('is taken: `latest` always means the highest version');
    if (served.has(label)) throw fail('is also the name of a version');
    if (served.has(version)) {
      labels[label] = version;
      continue;
    }
    const missing = fail(`there is no version ${version} (it serves ${[...served].join(', ')})`);
    if (spec.default === label) throw missing;
    warnings.push(`${missing.message}: the label is left out`);
  }
  return labels;
}
