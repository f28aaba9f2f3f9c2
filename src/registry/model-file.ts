import { join } from 'node:path';
import { createAjv } from '../common/json-schema/ajv.js';
import { SourceFile } from '../common/source-file.js';
import { validateSource } from '../common/validate-source.js';

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
  },
};

const validate = createAjv({ allErrors: true }).compile<ModelSpec>(SCHEMA);

export const MODEL_FILE = 'model.yaml';

/**
 * Reads a model's model.yaml; empty where there is none.
 *
 * @param versions the versions that the folder holds
 * @throws SourceProblem naming file and line
 */
export async function readModelFile(folder: string, versions: readonly string[]): Promise<ModelSpec> {
  const file = await SourceFile.readIfThere(join(folder, MODEL_FILE));
  if (!file) return {};
  const spec = validateSource(file, validate);
  checkReferences(file, spec, versions);
  return spec;
}

/** The versions that model.yaml asks for, of those that there are (from old to new). */
export function selectVersions({ versions = 'all' }: ModelSpec, all: readonly string[]): readonly string[] {
  if (versions === 'all') return all;
  return Array.isArray(versions) ? versions : all.slice(-versions.latest);
}

function checkReferences(file: SourceFile, spec: ModelSpec, all: readonly string[]): void {
  if (Array.isArray(spec.versions)) {
    for (const [index, version] of spec.versions.entries()) {
      if (!all.includes(version))
        throw file.problem(['versions', index], `there is no version ${version} (it has ${all.join(', ')})`);
    }
  }
  const versions = new Set(selectVersions(spec, all));
  const labels = spec.labels ?? {};
  const there = `it serves ${[...versions].join(', ')}`;
  for (const [label, version] of Object.entries(labels)) {
    if (label === 'latest')
      throw file.problem(['labels', label], 'is taken: `latest` always means the highest version');
    if (versions.has(label)) throw file.problem(['labels', label], 'is also the name of a version');
    if (!versions.has(version)) throw file.problem(['labels', label], `there is no version ${version} (${there})`);
  }
  if (spec.default !== undefined && !versions.has(spec.default) && !Object.hasOwn(labels, spec.default)) {
    throw file.problem(['default'], `${spec.default} is neither a version nor a label (${there})`);
  }
}
