import { type JsonObject, type JsonSchema, typesOf } from '../common/json-schema/json-schema.js';

/** A row made from the schema's own examples, defaults and limits: for the documentation, and to try a model out. */
export function exampleRow(schema: JsonSchema): JsonObject {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, property]) => [name, exampleOf(property)]),
  );
}

function exampleOf(schema: JsonSchema): unknown {
  if (schema.examples?.length) return schema.examples[0];
  if ('const' in schema) return schema.const;
  if (schema.enum?.length) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const branch = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].find(
    ({ type }) => type !== 'null',
  );
  const types = typesOf(schema);
  if (branch && schema.type === undefined) return exampleOf(branch);
  if (types.has('array'))
    return Array.from({ length: schema.minItems ?? 1 }, () => exampleOf(schema.items ?? { type: 'number' }));
  if (types.has('boolean')) return true;
  if (types.has('string')) return 'x'.repeat(Math.max(1, schema.minLength ?? 0));
  return exampleNumber(schema, types.has('integer'));
}

/** The middle of the allowed range, where it has two ends; else a number just inside the one it has. */
function exampleNumber(schema: JsonSchema, integer: boolean): number {
  const low = unlessHuge(schema.minimum ?? schema.exclusiveMinimum);
  const high = unlessHuge(schema.maximum ?? schema.exclusiveMaximum);
  if (low !== undefined && high !== undefined) {
    const middle = low + (high - low) / 2;
    return integer ? Math.round(middle) : middle;
  }
  if (low !== undefined) return Math.ceil(low) + 1;
  return high === undefined ? 1 : Math.floor(high) - 1;
}

/** Limits that come from the tensor's element type say nothing of what is usual. */
function unlessHuge(limit: number | undefined): number | undefined {
  return limit !== undefined && Math.abs(limit) < 2 ** 31 - 1 ? limit : undefined;
}
