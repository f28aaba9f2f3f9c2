import { join, normalize, isAbsolute } from 'node:path';
import { isJsonObject, type JsonSchema } from '../common/json-schema/json-schema.js';
import { SourceFile, type SourcePath, SourceProblem } from '../common/source-file.js';

/** Deep enough for any row; a schema beyond it refers to itself. */
const MAX_DEPTH = 64;
/** Keywords beside which a `$ref` can be replaced by what it names without changing the meaning. */
const ANNOTATIONS = new Set(['title', 'description', 'default', 'examples', 'deprecated']);

/** The schema of one row, self-contained, and where its properties stand for messages. */
export interface FeaturesSource {
  schema: JsonSchema;
  problem: (path: SourcePath, message: string) => SourceProblem;
}

/**
 * The row's schema with every `$ref` replaced by what it names: a file beside signature.yaml (as pydantic
 * writes one), or a definition in the same document. Unknown features are refused unless the author says otherwise.
 *
 * @throws SourceProblem for a reference that leads nowhere, out of the folder, or back to itself
 */
export async function readFeatures(
  folder: string,
  signature: SourceFile,
  features: JsonSchema,
): Promise<FeaturesSource> {
  const source = await follow(folder, signature, features);
  const schema = inline(source.document, source.document, source.problem, []) as JsonSchema;
  delete schema.$defs;
  delete schema.definitions;
  const types = [schema.type ?? []].flat();
  if (!types.includes('object') || !isJsonObject(schema.properties)) {
    throw source.problem(['type'], 'a row must be an object with properties: one for each feature');
  }
  return { schema: { additionalProperties: false, ...schema }, problem: source.problem };
}

async function follow(folder: string, signature: SourceFile, features: JsonSchema) {
  const { $ref } = features;
  if ($ref === undefined || $ref.startsWith('#')) {
    return {
      document: features,
      problem: (path: SourcePath, m: string) => signature.problem(['features', ...path], m),
    };
  }
  const path = normalize($ref);
  if (isAbsolute(path) || path.startsWith('..') || /^[a-z]+:/i.test($ref)) {
    throw signature.problem(['features', '$ref'], 'must name a file in this folder');
  }
  const file = await SourceFile.read(join(folder, path));
  const document = file.value();
  if (!isJsonObject(document)) throw file.problem([], 'must hold a JSON Schema');
  return { document: document as JsonSchema, problem: (p: SourcePath, m: string) => file.problem(p, m) };
}

function inline(node: unknown, root: JsonSchema, problem: FeaturesSource['problem'], path: SourcePath): unknown {
  if (path.length > MAX_DEPTH)
    throw problem(path.slice(0, 4), 'refers to itself: a row of unlimited depth cannot be encoded');
  if (Array.isArray(node)) return node.map((item, i) => inline(item, root, problem, [...path, i]));
  if (!isJsonObject(node)) return node;
  if (Object.hasOwn(node, '__proto__')) throw problem([...path, '__proto__'], 'cannot be the name of a feature');
  const { $ref, ...siblings } = node;
  const rest: JsonSchema = {};
  for (const [key, value] of Object.entries(siblings)) {
    if (key.startsWith('x-') && path.at(-1) !== 'properties') continue; // extensions say nothing about validity
    const literal = key === 'default' || key === 'const' || key === 'enum' || key === 'examples';
    rest[key] = literal && path.at(-1) !== 'properties' ? value : inline(value, root, problem, [...path, key]);
  }
  if (typeof $ref !== 'string') return rest;
  const target = inline(resolve(root, $ref, problem, path), root, problem, [...path, '$ref']) as JsonSchema;
  if (Object.keys(rest).every((key) => ANNOTATIONS.has(key) || key === '$defs')) return { ...target, ...rest };
  return { ...rest, allOf: [target, ...(rest.allOf ?? [])] };
}

function resolve(root: JsonSchema, $ref: string, problem: FeaturesSource['problem'], path: SourcePath): unknown {
  if (!$ref.startsWith('#/')) throw problem([...path, '$ref'], 'must be a definition in the same document (#/$defs/…)');
  let node: unknown = root;
  for (const part of $ref.slice(2).split('/')) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    node = isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  }
  if (node === undefined) throw problem([...path, '$ref'], `${$ref} is not in this document`);
  return node;
}
