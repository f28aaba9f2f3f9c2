import { didYouMean } from '../common/did-you-mean.js';
import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { type Alternative, alternativesOf } from './alternatives.js';
import { type FeaturesSource } from './features.js';

/** What the encoders need to know of one property of the row's schema. */
export interface Feature {
  name: string;
  kind: 'number' | 'integer' | 'boolean' | 'string';
  /** Lengths of a nested array from the outside in, undefined where any length will do; empty for a single value. */
  shape: readonly (number | undefined)[];
  /** The values of an enum, without null. */
  values?: readonly unknown[];
  nullable: boolean;
  /** What stands for a value that is missing or null: the default, or null where only the schema allows that. */
  fallback?: unknown;
}

/** What a value is, whichever branch of its schema it took. */
type Shape = Pick<Feature, 'kind' | 'shape' | 'values' | 'nullable'>;

/**
 * Reads the features of a row's schema, in the order in which they are written.
 *
 * @throws SourceProblem for a feature that no tensor can hold, or that may be missing with nothing in its place
 */
export function analyseFeatures({ schema, problem }: FeaturesSource): Map<string, Feature> {
  const required = new Set(schema.required);
  const features = new Map<string, Feature>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const fail = (message: string) => problem(['properties', name], message);
    const shape = shapeOf(property);
    if (!shape) {
      throw fail(
        'must be a number, integer, boolean, string, or a nested array of one of these, in every branch the same',
      );
    }
    const fallback = defaultOf(property) ?? (shape.nullable ? null : undefined);
    if (!required.has(name) && fallback === undefined) {
      throw fail('may be missing: list it under `required`, or give it a default');
    }
    features.set(name, { name, ...shape, ...(fallback !== undefined && { fallback }) });
  }
  for (const name of required) {
    if (features.has(name)) continue;
    const hint = didYouMean(name, features.keys());
    throw problem(['required'], `"${name}" is required but is not among the properties${hint}`);
  }
  return features;
}

/** Undefined where branches differ in what a tensor would hold: guessing would give wrong answers without a word. */
function shapeOf(schema: JsonSchema | boolean): Shape | undefined {
  const alternatives = alternativesOf(schema);
  const present = alternatives?.filter(({ type }) => type !== 'null') ?? [];
  if (!alternatives || present.length === 0) return undefined;
  const nullable = present.length < alternatives.length;
  const lists = present.filter(({ type }) => type === 'array');
  if (lists.length === 0) return scalarOf(present, nullable);
  const shapes = present.map((list) => (list.type === 'array' ? listOf(list) : undefined));
  const [first] = shapes;
  const same = shapes.every(
    (shape) => shape && shape.kind === first?.kind && String(shape.shape) === String(first.shape),
  );
  return first && same ? { ...first, nullable } : undefined;
}

function scalarOf(alternatives: readonly Alternative[], nullable: boolean): Shape | undefined {
  const types = new Set(alternatives.map(({ type }) => type));
  if (types.has('number')) types.delete('integer');
  const [kind] = types;
  const known = kind === 'number' || kind === 'integer' || kind === 'boolean' || kind === 'string';
  if (!known || types.size > 1) return undefined;
  const values = alternatives.every((alternative) => alternative.enum)
    ? [...new Set(alternatives.flatMap((alternative) => alternative.enum ?? []))]
    : undefined;
  return { kind, shape: [], nullable, ...(values && { values }) };
}

function listOf(list: Alternative): Shape | undefined {
  const prefix = list.prefixItems ?? [];
  const most = list.maxItems ?? (list.items === false ? prefix.length : undefined);
  const isClosed = most !== undefined && most <= prefix.length;
  const element = shapeOf({ anyOf: [...prefix, ...(isClosed ? [] : [list.items ?? true])] as JsonSchema[] });
  if (!element || element.nullable) return undefined;
  const { values: _, ...rest } = element;
  return { ...rest, shape: [list.minItems === most ? most : undefined, ...element.shape] };
}

function defaultOf(schema: JsonSchema): unknown {
  const own = schema.default ?? undefined;
  return own ?? schema.allOf?.map(defaultOf).find((value) => value !== undefined);
}
