import { type JsonObject, type JsonSchema } from '../common/json-schema/json-schema.js';
import { alternativesOf } from './alternatives.js';

/** A row made from the schema's own examples, defaults and limits: for the documentation, and to try a model out. */
export function exampleRow(schema: JsonSchema): JsonObject {
  const properties = Object.entries(schema.properties ?? {});
  return Object.fromEntries(properties.map(([name, property]) => [name, exampleOf(property)]));
}

/** Whether each value of the example row is one that the schema's author wrote, rather than one made up here. */
export function isExampleWritten(schema: JsonSchema): boolean {
  return Object.values(schema.properties ?? {}).every((property) => written(property).length > 0);
}

/** Values that the author wrote, the best example first. */
function written(schema: JsonSchema): unknown[] {
  const [alternative] = alternativesOf(schema) ?? [];
  const usual = schema.default === undefined ? [] : [schema.default];
  return [...(schema.examples ?? []), ...(alternative?.enum ?? []), ...usual];
}

function exampleOf(schema: JsonSchema): unknown {
  const [first] = written(schema);
  if (first !== undefined) return first;
  // The type may stand inside a choice, and its limits beside it.
  const alternative = (alternativesOf(schema) ?? []).find(({ type }) => type !== 'null');
  switch (alternative?.type) {
    case 'array':
      return exampleList({ ...alternative });
    case 'boolean':
      return true;
    case 'string':
      return 'x'.repeat(Math.max(1, alternative.minLength ?? 0));
    default:
      return exampleNumber(alternative ?? schema, alternative?.type === 'integer');
  }
}

function exampleList({ items, prefixItems = [], minItems = 1 }: JsonSchema): unknown[] {
  const rest = typeof items === 'object' ? items : { type: 'number' };
  return Array.from({ length: minItems }, (_, index) => exampleOf(prefixItems[index] ?? rest));
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
