import { isJsonObject, type JsonSchema } from '../../common/json-schema/json-schema.js';
import { SourceProblem } from '../../common/source-file.js';
import { type Settings } from '../../config/settings.js';
import { FolderRepository } from '../../registry/folder-repository.js';
import { RepositoryProblem } from '../../registry/repository.js';
import { alternativesOf } from '../../signature/alternatives.js';
import { readFeatures } from '../../signature/features.js';
import { readSignatureFile } from '../../signature/signature-file.js';
import { type ColumnType } from './column-type.js';

/** A table that versions look features up in. */
export interface LookedUpTable {
  name: string;
  keys: Set<string>;
  /** What their features need of its columns. */
  types: Map<string, ColumnType>;
}

const TYPES = new Map<string, ColumnType>([
  ['integer', 'integer'],
  ['number', 'number'],
  ['boolean', 'boolean'],
]);

/** The tables that the versions in MODELS_DIR look features up in, by name. Versions that could not be loaded say nothing. */
export async function lookedUpTables(settings: Settings): Promise<Map<string, LookedUpTable>> {
  const tables = new Map<string, LookedUpTable>();
  try {
    const { models } = await new FolderRepository(settings).read();
    for (const { folder } of models.flatMap(({ versions }) => versions)) await addLookup(folder, tables);
  } catch (error) {
    if (!(error instanceof RepositoryProblem)) throw error;
  }
  return tables;
}

async function addLookup(folder: string, tables: Map<string, LookedUpTable>): Promise<void> {
  try {
    const { file, spec } = (await readSignatureFile(folder)) ?? {};
    if (!file || !spec?.lookup) return;
    const { key, table: name, columns } = spec.lookup;
    const table = tables.get(name) ?? { name, keys: new Set(), types: new Map<string, ColumnType>() };
    tables.set(name, table);
    table.keys.add(key);
    const { properties = {} } = spec.features ? (await readFeatures(folder, file, spec.features, [])).schema : {};
    for (const [feature, column] of [[key, key], ...Object.entries(columns)] as [string, string][]) {
      const property = Object.hasOwn(properties, feature) ? properties[feature] : undefined;
      const type = isJsonObject(property) ? typeOf(property) : undefined;
      if (type) table.types.set(column, widest(type, table.types.get(column)));
    }
  } catch (error) {
    if (!(error instanceof SourceProblem)) throw error;
  }
}

/** Nested arrays are kept as JSON, in text. */
function typeOf(schema: JsonSchema): ColumnType | undefined {
  const types = new Set(alternativesOf(schema)?.map(({ type }) => type));
  types.delete('null');
  if (types.has('number')) types.delete('integer');
  const [type, ...others] = types;
  if (type === undefined) return undefined;
  return others.length > 0 ? 'text' : (TYPES.get(type) ?? 'text');
}

function widest(type: ColumnType, other: ColumnType = type): ColumnType {
  if (type === other) return type;
  const isNumber = [type, other].every((one) => one === 'integer' || one === 'number');
  return isNumber ? 'number' : 'text';
}
