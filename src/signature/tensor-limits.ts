import { FLOAT32_LIMIT } from '../common/float32.js';
import { typesOf, type JsonSchema } from '../common/json-schema/json-schema.js';
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

/** Text that a string tensor keeps whole: the runtime cuts at U+0000 and replaces lone surrogates. */
const WHOLE_TEXT = '^[^\\u0000\\ud800-\\udfff]*$';

/**
 * A property's schema with the limits of its tensor added, so that whatever the schema accepts can be encoded,
 * and the documentation shows it: the range of the element type, and the tensor's own lengths for nested arrays
 * (`lengths`, from the outside in; undefined where any length from 1 on will do).
 */
export function withTensorLimits(
  schema: JsonSchema,
  type: DataType,
  lengths: readonly (number | undefined)[],
): JsonSchema {
  const [length, ...inner] = lengths;
  if (lengths.length > 0) {
    const open = lengths.length > 1 && lengths.slice(1).includes(undefined);
    return onBranch(schema, ['array'], (list) => ({
      ...list,
      minItems: length ?? Math.max(1, list.minItems ?? 0),
      ...(length !== undefined && { maxItems: length }),
      ...(list.items && { items: withTensorLimits(list.items, type, inner) }),
      ...(open && { rectangular: true }),
    }));
  }
  if (type === 'string') return onBranch(schema, ['string'], withWholeText);
  const range = RANGES[type];
  return range ? onBranch(schema, ['integer', 'number'], (number) => withRange(number, range)) : schema;
}

/** Applies a change where the schema speaks of the given types, through the branches of a choice. */
function onBranch(schema: JsonSchema, types: string[], change: (part: JsonSchema) => JsonSchema): JsonSchema {
  for (const keyword of ['anyOf', 'oneOf', 'allOf'] as const) {
    const branches = schema[keyword];
    if (branches && schema.type === undefined) {
      return { ...schema, [keyword]: branches.map((branch) => onBranch(branch, types, change)) };
    }
  }
  return types.some((type) => typesOf(schema).has(type)) ? change(schema) : schema;
}

function withRange(schema: JsonSchema, [low, high]: [number, number]): JsonSchema {
  if (schema.enum?.every((value) => typeof value !== 'number' || (value >= low && value <= high))) return schema;
  const limited = { ...schema };
  if (Math.max(schema.minimum ?? -Infinity, schema.exclusiveMinimum ?? -Infinity) < low) limited.minimum = low;
  if (Math.min(schema.maximum ?? Infinity, schema.exclusiveMaximum ?? Infinity) > high) limited.maximum = high;
  return limited;
}

function withWholeText(schema: JsonSchema): JsonSchema {
  if (schema.enum || 'const' in schema) return schema;
  if (schema.pattern === undefined) return { ...schema, pattern: WHOLE_TEXT };
  return { ...schema, allOf: [...(schema.allOf ?? []), { type: 'string', pattern: WHOLE_TEXT }] };
}
