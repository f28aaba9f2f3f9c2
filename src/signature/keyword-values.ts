import { isJsonObject } from '../common/json-schema/json-schema.js';
import { CHILDREN } from './keywords.js';

/** What the value of a keyword must be: in words, and as a check. */
type Rule = readonly [wanted: string, accepts: (value: unknown) => boolean];

const TYPES = ['array', 'boolean', 'integer', 'null', 'number', 'object', 'string'];

const text: Rule = ['text', (value) => typeof value === 'string'];
const flag: Rule = ['true or false', (value) => typeof value === 'boolean'];
const number: Rule = ['a number', Number.isFinite];
const positive: Rule = ['a number above 0', (value) => Number.isFinite(value) && (value as number) > 0];
const count: Rule = ['a whole number from 0 on', (value) => Number.isInteger(value) && (value as number) >= 0];
const list: Rule = ['a list', Array.isArray];
const values: Rule = ['a list of values, at least one', (value) => Array.isArray(value) && value.length > 0];
const names: Rule = ['a list of names that differ', (value) => isSetOf(value, (one) => typeof one === 'string')];
const schema: Rule = [
  'a schema: an object, true or false',
  (value) => isJsonObject(value) || typeof value === 'boolean',
];
const schemas: Rule = ['a list of schemas, at least one', values[1]];
const map: Rule = ['a map from names', isJsonObject];
const pattern: Rule = ['a regular expression', isPattern];

const RULES: Partial<Record<string, Rule>> = {
  ...every(text, 'title', 'description', 'format', 'contentEncoding', 'contentMediaType'),
  ...every(text, '$schema', '$id', '$anchor', '$comment'),
  ...every(flag, 'uniqueItems', 'deprecated', 'readOnly', 'writeOnly'),
  ...every(number, 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'),
  ...every(positive, 'multipleOf'),
  ...every(count, 'minLength', 'maxLength', 'minItems', 'maxItems', 'minContains', 'maxContains'),
  ...every(count, 'minProperties', 'maxProperties'),
  ...every(list, 'examples'),
  ...every(values, 'enum'),
  ...every(names, 'required'),
  ...every(pattern, 'pattern'),
  ...every(schema, ...keywordsWith('schema')),
  ...every(schemas, ...keywordsWith('list')),
  ...every(map, ...keywordsWith('map')),
  // Drafts before 2020-12 write a tuple as a list of items.
  items: ['a schema, or a list of schemas', (value) => schema[1](value) || Array.isArray(value)],
  patternProperties: ['a map from regular expressions', (value) => isMapWith(value, isPattern, () => true)],
  dependentRequired: ['a map from names to lists of names', (value) => isMapWith(value, () => true, names[1])],
  type: [
    `${TYPES.join(', ')}, or a list of these`,
    (value) =>
      TYPES.includes(value as string) || (values[1](value) && isSetOf(value, (one) => TYPES.includes(one as string))),
  ],
};

/**
 * What a keyword's value must be, in words, where it is not that: JSON Schema's own schema for one keyword. Schemas
 * inside are left to the caller, and so are keywords that are not known. (Ajv has JSON Schema's own schema too, but
 * compiling that took each start 60 ms, and its complaints know no line.)
 */
export function wantedOf(keyword: string, value: unknown): string | undefined {
  const rule = Object.hasOwn(RULES, keyword) ? RULES[keyword] : undefined;
  return rule?.[1](value) === false ? rule[0] : undefined;
}

function every(rule: Rule, ...keywords: string[]): Record<string, Rule> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, rule]));
}

function keywordsWith(children: 'schema' | 'list' | 'map'): string[] {
  return Object.keys(CHILDREN).filter((keyword) => CHILDREN[keyword] === children);
}

function isSetOf(value: unknown, accepts: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(accepts) && new Set(value).size === value.length;
}

function isMapWith(value: unknown, key: (name: string) => boolean, inside: (value: unknown) => boolean): boolean {
  return isJsonObject(value) && Object.entries(value).every(([name, one]) => key(name) && inside(one));
}

function isPattern(value: unknown): boolean {
  try {
    return typeof value === 'string' && Boolean(new RegExp(value, 'u'));
  } catch {
    return false;
  }
}
