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

export function isKnownKeyword(keyword: string): boolean {
  return KNOWN.has(keyword);
}
