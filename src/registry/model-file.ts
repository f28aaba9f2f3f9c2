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
  /** true: predictions are cached for CACHE_TTL_S, or for as long as it says; false: never, not even at /predict/cached. */
  cache?: boolean | { ttl: string };
  /** Absent where its predictions are not kept. */
  log?: LogSpec;
}

/** Whether predictions are cached wherever a model answers, and for how long: CACHE_TTL_S where it does not say. */
export type Caching = 'never' | { ttlMs?: number };

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
    cache: { type: ['boolean', 'object'], properties: { ttl: {} }, required: ['ttl'], additionalProperties: false },
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
  checkCache(file, spec);
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

/** What model.yaml says of the cache; undefined where it leaves that to the caller. */
export function cachingOf({ cache }: ModelSpec): Caching | undefined {
  if (cache === undefined) return undefined;
  if (typeof cache === 'boolean') return cache ? {} : 'never';
  return { ttlMs: toMs(cache.ttl) as number };
}

function checkCache(file: SourceFile, { cache }: ModelSpec): void {
  if (typeof cache !== 'object' || toMs(cache.ttl) !== undefined) return;
  throw file.problem(['cache', 'ttl'], 'must be a time from 1ms to 8760h, as in 500ms, 60s, 5m or 1h');
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MOST_MS = 8760 * 3_600_000;

/** A time as it is written: undefined where it is none, is nothing, or is longer than a year. */
function toMs(time: unknown): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,12})(ms|s|m|h)$/.exec(String(time)) ?? [];
  const ms = Number(amount) * (UNITS_MS[unit] ?? 1);
  return ms > 0 && ms <= MOST_MS ? ms : undefined;
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
