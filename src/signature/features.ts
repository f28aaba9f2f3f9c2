import { isAbsolute, join, normalize } from 'node:path';
import { isJsonObject, type JsonObject, type JsonSchema } from '../common/json-schema/json-schema.js';
import { SourceFile, type SourcePath, type SourceProblem } from '../common/source-file.js';
import { wantedOf } from './keyword-values.js';
import { CHILDREN, isKnownKeyword, meantKeyword } from './keywords.js';

/** Deep enough for any row; a schema beyond it refers to itself. */
const MAX_DEPTH = 64;
/** Large enough for any row; a schema beyond it multiplies itself through its references. */
const MAX_NODES = 20_000;
/** Keywords beside a `$ref` that may stand over those of what it names. */
const ANNOTATIONS = new Set(['title', 'description', 'default', 'examples', 'deprecated', '$defs']);

/** The schema of one row, self-contained, and where its properties stand for messages. */
export interface FeaturesSource {
  schema: JsonSchema;
  problem: (path: SourcePath, message: string) => SourceProblem;
}

/**
 * The row's schema with every `$ref` replaced by what it names: a file beside signature.yaml (as pydantic
 * writes one), or a definition in the same document. Unknown features are refused unless the author says otherwise.
 *
 * @param warnings told of what is there and has no meaning, as lines for the author
 * @throws SourceProblem for a reference that leads nowhere, out of the folder, or back to itself
 */
export async function readFeatures(
  folder: string,
  signature: SourceFile,
  features: JsonSchema,
  warnings: string[],
): Promise<FeaturesSource> {
  const { document, start, beside, problem } = await follow(folder, signature, features);
  const inliner = new Inliner(document, problem);
  const schema = { ...inliner.inline(start, []), ...beside };
  const unknown = [...inliner.unknown].map((keyword) => `\`${keyword}\``).join(', ');
  if (unknown !== '') warnings.push(problem([], `JSON Schema has no ${unknown}: it checks nothing`).message);
  delete schema.$defs;
  delete schema.definitions;
  delete schema.$schema;
  const [type, ...others] = [schema.type ?? []].flat();
  if (type !== 'object' || others.length > 0 || !isJsonObject(schema.properties)) {
    throw problem(['type'], 'a row must be an object with properties: one for each feature');
  }
  return { schema: { additionalProperties: false, ...schema }, problem };
}

async function follow(folder: string, signature: SourceFile, features: JsonSchema) {
  const { $ref, $defs: _defs, ...beside } = features;
  const problemHere = (path: SourcePath, message: string) => signature.problem(['features', ...path], message);
  if ($ref === undefined || $ref.startsWith('#'))
    return { document: features, start: features, beside: {}, problem: problemHere };
  const other = Object.keys(beside).find((key) => !ANNOTATIONS.has(key) && key !== 'additionalProperties');
  if (other !== undefined) throw problemHere([other], 'cannot stand beside $ref: write it into that file');
  const [target = '', fragment] = $ref.split('#');
  const path = normalize(target);
  if (isAbsolute(path) || path.startsWith('..') || /^[a-z]+:/i.test($ref)) {
    throw problemHere(['$ref'], 'must name a file in this folder');
  }
  const file = await SourceFile.readIfThere(join(folder, path));
  if (!file) throw problemHere(['$ref'], `there is no file ${path} in this folder`);
  const document = file.value();
  if (!isJsonObject(document)) throw file.problem([], 'must hold a JSON Schema');
  const problem = (place: SourcePath, message: string) => file.problem(place, message);
  const start = fragment ? resolve(document, `#${fragment}`, problem, []) : document;
  return {
    document: document as JsonSchema,
    start,
    beside: new Inliner(features, problemHere).inline(beside, []),
    problem,
  };
}

class Inliner {
  /** Keywords that JSON Schema does not know: they check nothing. */
  readonly unknown = new Set<string>();
  private nodes = 0;

  constructor(
    private readonly root: JsonSchema,
    private readonly problem: FeaturesSource['problem'],
  ) {}

  /** A schema without references. */
  inline(schema: unknown, path: SourcePath): JsonSchema {
    if (path.length > MAX_DEPTH || ++this.nodes > MAX_NODES) {
      throw this.problem(path.slice(0, 4), 'refers to itself, or is too large once its references are followed');
    }
    if (typeof schema === 'boolean') return schema as unknown as JsonSchema;
    if (!isJsonObject(schema)) throw this.problem(path, 'must be a schema: an object, true or false');
    const result: JsonObject = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (keyword === '$ref') continue;
      if (!isKnownKeyword(keyword)) this.checkSpelling(keyword, path);
      const wanted = wantedOf(keyword, value);
      if (wanted !== undefined) throw this.problem([...path, keyword], `must be ${wanted}`);
      result[keyword] = this.inlineChild(keyword, value, [...path, keyword]);
    }
    toTuple(result);
    const { $ref } = schema;
    if (typeof $ref !== 'string') return result;
    const target = this.inline(resolve(this.root, $ref, this.problem, path), [...path, '$ref']);
    if (Object.keys(result).every((key) => ANNOTATIONS.has(key))) return { ...target, ...result };
    return { ...result, allOf: [target, ...((result.allOf as JsonSchema[] | undefined) ?? [])] };
  }

  private inlineChild(keyword: string, value: unknown, path: SourcePath): unknown {
    const list = (items: unknown[]) => items.map((item, index) => this.inline(item, [...path, index]));
    switch (CHILDREN[keyword]) {
      case 'schema':
        return Array.isArray(value) ? list(value) : this.inline(value, path);
      case 'list':
        return Array.isArray(value) ? list(value) : value;
      case 'map':
        return isJsonObject(value) ? this.inlineMap(value, path) : value;
      default:
        return value;
    }
  }

  private inlineMap(schemas: JsonObject, path: SourcePath): JsonObject {
    // Ajv leaves `__proto__` out of properties without a word, and the row would be encoded without it.
    if (Object.hasOwn(schemas, '__proto__'))
      throw this.problem([...path, '__proto__'], 'cannot be the name of a feature');
    return Object.fromEntries(
      Object.entries(schemas).map(([name, schema]) => [name, this.inline(schema, [...path, name])]),
    );
  }

  /** A keyword that JSON Schema does not know is an annotation; one that is nearly known is a mistake. */
  private checkSpelling(keyword: string, path: SourcePath): void {
    const meant = meantKeyword(keyword);
    if (meant !== undefined)
      throw this.problem([...path, keyword], `is not a keyword of JSON Schema; did you mean "${meant}"?`);
    if (!keyword.startsWith('x-')) this.unknown.add(keyword);
  }
}

/** Tuples as drafts before 2020-12 write them. */
function toTuple(schema: JsonObject): void {
  if (!Array.isArray(schema.items)) return;
  schema.prefixItems = schema.items;
  schema.items = schema.additionalItems ?? true;
  delete schema.additionalItems;
}

function resolve(root: JsonObject, $ref: string, problem: FeaturesSource['problem'], path: SourcePath): unknown {
  if (!$ref.startsWith('#/')) throw problem([...path, '$ref'], 'must be a definition in the same document (#/$defs/…)');
  let node: unknown = root;
  for (const part of $ref.slice(2).split('/')) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    node = isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  }
  if (node === undefined) throw problem([...path, '$ref'], `${$ref} is not in this document`);
  return node;
}
