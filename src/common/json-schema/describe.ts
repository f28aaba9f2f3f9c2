import { FLOAT32_LIMIT } from '../float32.js';
import { type JsonSchema, WHOLE_TEXT } from './json-schema.js';

/** More values than this are not listed in a sentence. */
const MAX_LISTED = 20;

/**
 * What a schema asks for, in words that finish the sentence "must be …":
 * "an integer from 18 to 100", "one of full_time, part_time", "a list of 8 lists of 8 numbers from 0 to 16, or null".
 */
export function describeSchema(schema: JsonSchema): string {
  return describe(schema, false);
}

function describe(schema: JsonSchema, plural: boolean): string {
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return describeEnum(schema.enum);
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches && schema.type === undefined) return describeChoice(schema, branches, plural);
  if (schema.allOf && schema.type === undefined) {
    const { allOf, ...rest } = schema;
    return describe(Object.assign({}, ...allOf, rest) as JsonSchema, plural);
  }
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return 'a valid value';
  const nullable = types.includes('null') && types.length > 1;
  const named = types.filter((type) => !nullable || type !== 'null').map((type) => describeType(type, schema, plural));
  return named.join(' or ') + (nullable ? ', or null' : '');
}

function describeEnum(values: unknown[]): string {
  const listed = values
    .filter((value) => value !== null)
    .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  const shown = listed.slice(0, MAX_LISTED).join(', ') + (listed.length > MAX_LISTED ? ', …' : '');
  return (listed.length === 1 ? shown : `one of ${shown}`) + (values.includes(null) ? ', or null' : '');
}

function describeChoice(schema: JsonSchema, branches: JsonSchema[], plural: boolean): string {
  const { anyOf: _anyOf, oneOf: _oneOf, ...beside } = schema;
  const present = branches.filter(({ type }) => type !== 'null');
  // What stands beside a choice holds for each branch.
  const named = [...new Set(present.map((branch) => describe({ ...beside, ...branch }, plural)))];
  return named.join(' or ') + (present.length < branches.length ? ', or null' : '');
}

function describeType(type: string, schema: JsonSchema, plural: boolean): string {
  switch (type) {
    case 'integer':
      return (plural ? 'integers' : 'an integer') + describeRange(schema, plural);
    case 'number':
      return (plural ? 'numbers' : 'a number') + describeRange(schema, plural);
    case 'boolean':
      return plural ? 'booleans' : 'true or false';
    case 'string':
      return (plural ? 'strings' : 'a string') + describeText(schema);
    case 'array':
      return (plural ? 'lists' : 'a list') + describeItems(schema);
    case 'object':
      return plural ? 'objects' : 'an object';
    default:
      return type;
  }
}

function describeRange(schema: JsonSchema, plural: boolean): string {
  const low = schema.exclusiveMinimum ?? unlessWidest(schema.minimum);
  const high = schema.exclusiveMaximum ?? unlessWidest(schema.maximum);
  const isFloat = schema.type !== 'integer' && schema.maximum !== undefined && schema.maximum >= WIDEST_FLOAT;
  const fits = isFloat ? ` that ${plural ? 'fit' : 'fits'} a 32-bit float` : '';
  const steps = schema.multipleOf === undefined ? '' : ` in steps of ${schema.multipleOf}`;
  const exclusive = schema.exclusiveMinimum !== undefined || schema.exclusiveMaximum !== undefined;
  if (!exclusive && low !== undefined && high !== undefined) return ` from ${low} to ${high}${steps}${fits}`;
  const ends: string[] = [];
  if (low !== undefined) ends.push(schema.exclusiveMinimum === undefined ? `of at least ${low}` : `above ${low}`);
  if (high !== undefined) ends.push(schema.exclusiveMaximum === undefined ? `at most ${high}` : `below ${high}`);
  return (ends.length > 0 ? ` ${ends.join(' and ')}` : '') + steps + fits;
}

/** The largest float32: nobody wrote a limit beyond it for people to read. */
const WIDEST_FLOAT = Math.fround(FLOAT32_LIMIT);

function unlessWidest(limit: number | undefined): number | undefined {
  if (limit === undefined || Math.abs(limit) >= WIDEST_FLOAT || Math.abs(limit) === Number.MAX_SAFE_INTEGER)
    return undefined;
  return limit;
}

function describeText({ minLength, maxLength, format, pattern }: JsonSchema): string {
  const parts: string[] = [];
  if (format !== undefined) parts.push(` in the format ${format}`);
  if (pattern !== undefined && pattern !== WHOLE_TEXT) parts.push(` matching ${pattern}`);
  if (minLength !== undefined || maxLength !== undefined)
    parts.push(` of ${describeCount(minLength, maxLength)} characters`);
  return parts.join(',');
}

function describeItems({ items, prefixItems, minItems, maxItems, uniqueItems }: JsonSchema): string {
  const count = minItems === undefined && maxItems === undefined ? '' : `${describeCount(minItems, maxItems)} `;
  const different = uniqueItems === true ? 'different ' : '';
  const [first] = prefixItems ?? [];
  const item = typeof items === 'object' ? items : first;
  return ` of ${count}${different}${item === undefined ? 'items' : describe(item, true)}`;
}

function describeCount(min: number | undefined, max: number | undefined): string {
  if (min === max) return String(min);
  if (min === undefined) return `at most ${String(max)}`;
  return max === undefined ? `at least ${String(min)}` : `${String(min)} to ${String(max)}`;
}
