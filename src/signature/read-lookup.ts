import { didYouMean } from '../common/did-you-mean.js';
import { type JsonSchema } from '../common/json-schema/json-schema.js';
import { type SourcePath } from '../common/source-file.js';
import { type TensorInfo } from '../inference/tensor.js';
import { alternativesOf } from './alternatives.js';
import { type Feature } from './feature.js';
import { type FeaturesSource } from './features.js';
import { isColumnName, isTableName, NAME_RULE } from './identifier.js';
import { featuresIn } from './inputs.js';
import { Lookup, type LookupKey, type StoredFeature } from './lookup.js';
import { type LookupSpec, type SignatureSpec } from './signature-file.js';
import { withTensorLimits } from './tensor-limits.js';

type Fail = (path: SourcePath, message: string) => Error;

/**
 * Takes the key out of the row's schema, where it stands among the features to say its type and its examples. It stays
 * where the model takes it as well.
 *
 * @throws SourceProblem for a key that is no text or integer, or no name of a column
 */
export function takeKey(
  { schema, problem }: FeaturesSource,
  { inputs }: SignatureSpec,
  { key: name }: LookupSpec,
  graphInputs: readonly TensorInfo[],
  fail: Fail,
): LookupKey {
  if (!isColumnName(name)) throw fail(['lookup', 'key'], `must be the name of a column: ${NAME_RULE}`);
  const { properties = {}, required = [] } = schema;
  const declared = Object.hasOwn(properties, name) ? properties[name] : undefined;
  const isInput = inputs ? featuresIn(inputs).includes(name) : graphInputs.some((input) => input.name === name);
  const isFeature = declared !== undefined && isInput;
  const isRequired = required.includes(name);
  if (declared && 'default' in declared && !isFeature)
    throw problem(['properties', name, 'default'], 'is the key of the lookup: there can be no default for it');
  const types = declared ? [...new Set(alternativesOf(declared)?.map(({ type }) => type))] : ['string', 'integer'];
  if (types.length === 0 || types.some((type) => type !== 'string' && type !== 'integer'))
    throw problem(['properties', name], 'is the key of the lookup: it must be a string or an integer');
  const written = declared ?? { type: types };
  // Beyond these limits a JSON number may stand for its neighbour, and so for somebody else.
  const exact = types.includes('integer') ? withTensorLimits(written, 'int64', []) : written;
  if (isFeature) {
    properties[name] = exact;
  } else if (declared) {
    const { [name]: _key, ...others } = properties;
    schema.properties = others;
    if (isRequired) schema.required = required.filter((other) => other !== name);
  }
  return { name, schema: exact, isRequired, isFeature };
}

/**
 * What is to be looked up.
 *
 * @param schema JSON Schema of a complete row
 * @throws SourceProblem for what is no name of a table or column, and for features that there are not
 */
export function toLookup(
  { table, columns }: LookupSpec,
  key: LookupKey,
  features: ReadonlyMap<string, Feature>,
  schema: JsonSchema,
  fail: Fail,
): Lookup {
  if (!isTableName(table)) throw fail(['lookup', 'table'], `must be the name of a table: ${NAME_RULE}`);
  const stored = Object.entries(columns).map(([name, column]): StoredFeature => {
    const path = ['lookup', 'columns', name];
    const feature = features.get(name);
    if (name === key.name) throw fail(path, 'is the key: what is stored is found by it');
    if (!feature) throw fail(path, `there is no feature "${name}"${didYouMean(name, features.keys())}`);
    if (!isColumnName(column)) throw fail(path, `must be the name of a column: ${NAME_RULE}`);
    return { feature, column };
  });
  return new Lookup(key, table, stored, schema);
}
