import { type JsonSchema, typesOf } from '../common/json-schema/json-schema.js';
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
    const feature = analyse(name, property, fail);
    if (!required.has(name) && feature.fallback === undefined) {
      throw fail('may be missing: list it under `required`, or give it a default');
    }
    features.set(name, feature);
  }
  for (const name of required) {
    if (!features.has(name)) throw problem(['required'], `"${name}" is required but is not among the properties`);
  }
  return features;
}

function analyse(name: string, property: JsonSchema, fail: (message: string) => Error): Feature {
  const shape: (number | undefined)[] = [];
  let element = property;
  for (let list = listOf(element); list; list = listOf(element)) {
    shape.push(lengthOf(list));
    element = itemsOf(list);
  }
  const nullable = typesOf(property).has('null');
  const kind = kindOf(element, shape.length === 0);
  if (!kind) throw fail('must be a number, integer, boolean, string, or a nested array of one of these');
  const values = enumOf(element)?.filter((value) => value !== null);
  const fallback = defaultOf(property) ?? (nullable ? null : undefined);
  return {
    name,
    kind,
    shape,
    nullable,
    ...(values && { values }),
    ...(fallback !== undefined && { fallback }),
  };
}

function kindOf(schema: JsonSchema, nullAllowed: boolean): Feature['kind'] | undefined {
  const types = typesOf(schema);
  if (nullAllowed) types.delete('null');
  if (types.has('number')) types.delete('integer');
  const [type] = types;
  const known = type === 'number' || type === 'integer' || type === 'boolean' || type === 'string';
  return known && types.size === 1 ? type : undefined;
}

/** The part of a schema that describes a list: itself, or the branch beside null. */
function listOf(schema: JsonSchema): JsonSchema | undefined {
  return parts(schema).find((part) => [part.type ?? []].flat().includes('array'));
}

function itemsOf({ items, prefixItems }: JsonSchema): JsonSchema {
  return items ?? { anyOf: (prefixItems as JsonSchema[] | undefined) ?? [] };
}

function lengthOf({ minItems, maxItems }: JsonSchema): number | undefined {
  return minItems === maxItems ? minItems : undefined;
}

function enumOf(schema: JsonSchema): unknown[] | undefined {
  const [values] = parts(schema).flatMap((part) => {
    if (part.enum) return [part.enum];
    return 'const' in part ? [[part.const]] : [];
  });
  const choices = parts(schema).filter((part) => 'const' in part);
  return choices.length > 1 ? choices.map((part) => part.const) : values;
}

function defaultOf(schema: JsonSchema): unknown {
  return parts(schema).find((part) => part.default !== undefined && part.default !== null)?.default;
}

function parts(schema: JsonSchema): JsonSchema[] {
  const branches = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [schema, ...branches.flatMap(parts)];
}
