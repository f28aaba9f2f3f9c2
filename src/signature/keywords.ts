import { nearest } from '../common/did-you-mean.js';

/** Keywords of JSON Schema whose value holds schemas: one, a list of them, or a map from names. */
export const CHILDREN: Partial<Record<string, 'schema' | 'list' | 'map'>> = {
  properties: 'map',
  patternProperties: 'map',
  dependentSchemas: 'map',
  $defs: 'map',
  definitions: 'map',
  allOf: 'list',
  anyOf: 'list',
  oneOf: 'list',
  prefixItems: 'list',
  items: 'schema',
  additionalItems: 'schema',
  additionalProperties: 'schema',
  unevaluatedItems: 'schema',
  unevaluatedProperties: 'schema',
  contains: 'schema',
  propertyNames: 'schema',
  not: 'schema',
  if: 'schema',
  then: 'schema',
  else: 'schema',
};

const PLAIN = [
  ...['type', 'enum', 'const', 'default', 'title', 'description', 'examples', 'deprecated', 'readOnly', 'writeOnly'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minLength', 'maxLength', 'pattern', 'format', 'contentEncoding', 'contentMediaType'],
  ...['minItems', 'maxItems', 'uniqueItems', 'minContains', 'maxContains'],
  ...['minProperties', 'maxProperties', 'required', 'dependentRequired'],
  ...['$schema', '$id', '$ref', '$anchor', '$comment', 'discriminator', 'example'],
];

export const KEYWORDS: readonly string[] = [...Object.keys(CHILDREN), ...PLAIN];

const KNOWN = new Set(KEYWORDS);

/** What other languages call a keyword, too short or too different to be taken for a slip of the pen. */
const FOREIGN = new Map([
  ['min', 'minimum'],
  ['ge', 'minimum'],
  ['gte', 'minimum'],
  ['gt', 'exclusiveMinimum'],
  ['max', 'maximum'],
  ['le', 'maximum'],
  ['lte', 'maximum'],
  ['lt', 'exclusiveMaximum'],
  ['regex', 'pattern'],
  ['choices', 'enum'],
]);

export function isKnownKeyword(keyword: string): boolean {
  return KNOWN.has(keyword);
}

/** The keyword that an unknown one was probably meant to be. */
export function meantKeyword(keyword: string): string | undefined {
  const foreign = FOREIGN.get(keyword.toLowerCase());
  // Of four letters or less, anybody's annotation is near to some keyword.
  return foreign ?? (keyword.length < 5 ? undefined : nearest(keyword, KEYWORDS));
}
