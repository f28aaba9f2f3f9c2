import { FLOAT32_LIMIT } from '../common/float32.js';
import { type JsonSchema, WHOLE_TEXT } from '../common/json-schema/json-schema.js';
import { type DataType } from '../inference/tensor.js';

const signed = (bits: number): [number, number] => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
const unsigned = (bits: number): [number, number] => [0, 2 ** bits - 1];

/** The numbers that an element can hold. 64-bit integers end where JSON numbers stop being exact. */
const RANGES: Partial<Record<DataType, [number, number]>> = {
  float32: [-FLOAT32_LIMIT, FLOAT32_LIMIT],
  float16: [-65504, 65504],
  int8: signed(8),
  int16: signed(16),
  int32: signed(32),
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  uint8: unsigned(8),
  uint16: unsigned(16),
  uint32: unsigned(32),
  uint64: [0, Number.MAX_SAFE_INTEGER],
};

/** Whether an element can hold a value of an enum. */
export function fits(value: unknown, type: DataType): boolean {
  const range = RANGES[type];
  return typeof value !== 'number' || !range || (value >= range[0] && value <= range[1]);
}

/**
 * A property's schema with the limits of its tensor added, so that whatever the schema accepts can be encoded,
 * and the documentation shows it: the range of the element type, and the tensor's own lengths for nested arrays
 * (`lengths`, from the outside in; undefined where any length from 1 on will do).
 *
 * Limits stand beside choices, not inside them: what a schema says beside `anyOf` holds for every branch.
 */
export function withTensorLimits(
  schema: JsonSchema,
  type: DataType,
  lengths: readonly (number | undefined)[],
): JsonSchema {
  return both(schema, listLimits(type, lengths));
}

/** Limits of a list of these lengths; of one element where there are none. */
function listLimits(type: DataType, lengths: readonly (number | undefined)[]): JsonSchema {
  const [length, ...inner] = lengths;
  if (lengths.length === 0) return elementLimits(type);
  return {
    minItems: length ?? 1,
    ...(length !== undefined && { maxItems: length }),
    items: listLimits(type, inner),
    ...(inner.includes(undefined) && { rectangular: true }),
  };
}

function elementLimits(type: DataType): JsonSchema {
  if (type === 'string') return { pattern: WHOLE_TEXT };
  const range = RANGES[type];
  return range ? { minimum: range[0], maximum: range[1] } : {};
}

/** A schema and limits at once, in one schema where their keywords allow it. */
function both(schema: JsonSchema, limits: JsonSchema): JsonSchema {
  if (schema.enum || 'const' in schema) return schema; // each value is checked when the signature is loaded
  if (schema.prefixItems !== undefined || schema.pattern !== undefined) {
    return { ...schema, allOf: [...(schema.allOf ?? []), limits] };
  }
  const merged: JsonSchema = { ...schema, ...limits };
  if (limits.minimum !== undefined && limits.maximum !== undefined) {
    if ((schema.minimum ?? schema.exclusiveMinimum ?? -Infinity) >= limits.minimum) delete merged.minimum;
    if ((schema.maximum ?? schema.exclusiveMaximum ?? Infinity) <= limits.maximum) delete merged.maximum;
    if (merged.minimum === undefined && schema.minimum !== undefined) merged.minimum = schema.minimum;
    if (merged.maximum === undefined && schema.maximum !== undefined) merged.maximum = schema.maximum;
  }
  if (limits.minItems !== undefined) merged.minItems = Math.max(limits.minItems, schema.minItems ?? 0);
  if (limits.maxItems !== undefined) merged.maxItems = Math.min(limits.maxItems, schema.maxItems ?? Infinity);
  if (typeof schema.items === 'object' && typeof limits.items === 'object')
    merged.items = both(schema.items, limits.items);
  return merged;
}
