import { type JsonSchema, typeOfValue } from '../common/json-schema/json-schema.js';

/** A schema that speaks of one type only. */
export interface Alternative extends JsonSchema {
  type: string;
}

/** More branches than any feature has: a schema beyond it multiplies itself. */
const MAX_ALTERNATIVES = 64;

/**
 * What a value may be, one entry for each type: choices (`anyOf`, `oneOf`) are spread out, `allOf` is merged, lists of
 * types are split, enums and constants tell their own.
 *
 * @returns undefined where some branch says no type: then the value may be anything
 */
export function alternativesOf(schema: JsonSchema | boolean): Alternative[] | undefined {
  const spread = spreadOut(schema);
  const split = spread.flatMap(splitTypes);
  return spread.length > MAX_ALTERNATIVES || split.includes(undefined) ? undefined : (split as Alternative[]);
}

function spreadOut(schema: JsonSchema | boolean): JsonSchema[] {
  if (schema === false) return [];
  if (schema === true) return [{}];
  const { anyOf, oneOf, allOf = [], ...own } = schema;
  let found: JsonSchema[] = [own];
  const groups = [...allOf.map((part) => [part]), anyOf, oneOf].filter((group) => group !== undefined);
  for (const group of groups) {
    const branches = group.flatMap(spreadOut);
    found = found.flatMap((one) => branches.map((branch) => merge(one, branch)));
    if (found.length > MAX_ALTERNATIVES) break;
  }
  return found;
}

/** Both at once. */
function merge(a: JsonSchema, b: JsonSchema): JsonSchema {
  const merged: JsonSchema = { ...a, ...b };
  if (a.type !== undefined && b.type !== undefined) merged.type = commonTypes([a.type].flat(), [b.type].flat());
  const [left, right] = [valuesOf(a), valuesOf(b)];
  if (left && right) merged.enum = left.filter((value) => right.includes(value));
  else if (left ?? right) merged.enum = (left ?? right) as unknown[];
  delete merged.const;
  if (a.minItems !== undefined && b.minItems !== undefined) merged.minItems = Math.max(a.minItems, b.minItems);
  if (a.maxItems !== undefined && b.maxItems !== undefined) merged.maxItems = Math.min(a.maxItems, b.maxItems);
  if (typeof a.items === 'object' && typeof b.items === 'object') merged.items = { allOf: [a.items, b.items] };
  return merged;
}

function commonTypes(a: string[], b: string[]): string[] {
  const integer = a.includes('integer') || b.includes('integer');
  const number = (types: string[]) => types.includes('number') || types.includes('integer');
  const others = a.filter((type) => type !== 'number' && type !== 'integer' && b.includes(type));
  return number(a) && number(b) ? [integer ? 'integer' : 'number', ...others] : others;
}

function splitTypes(schema: JsonSchema): (Alternative | undefined)[] {
  const values = valuesOf(schema);
  if (values) {
    const byType = Map.groupBy(values, typeOfValue);
    return [...byType].map(([type, group]) => ({ ...schema, type, enum: group }));
  }
  if (schema.type === undefined) return [undefined];
  return [schema.type].flat().map((type) => ({ ...schema, type }));
}

function valuesOf(schema: JsonSchema): unknown[] | undefined {
  return 'const' in schema ? [schema.const] : schema.enum;
}
