import { type Database, StatementProblem } from '../database/database.js';
import { isOfValues } from '../database/problem.js';
import { quoted } from '../signature/identifier.js';
import { type Lookup } from '../signature/lookup.js';
import { type KeyKind, keyKindOf } from './key-kind.js';

/** Values as stored, in the order of the lookup's features. */
export type StoredRow = readonly unknown[];

/** What is stored, by key: `several` where a key has more than one row, nothing where it has none. */
export type Found = ReadonlyMap<string, StoredRow | 'several'>;

/** Rows that a query may give: more than keys, since a column need not be unique, and no more than memory is there for. */
const ROWS_PER_KEY = 4;
const MORE_ROWS = 100;

/** The table that a lookup asks. It may be anybody's: nothing is known of it before the database says so. */
export class FeatureTable {
  private readonly sql: Record<'look' | 'find', string>;
  private kind: KeyKind | undefined;

  constructor(
    private readonly lookup: Lookup,
    private readonly database: Database,
  ) {
    const key = `t.${quoted(lookup.key)}`;
    const columns = lookup.features.map(({ column }) => `t.${quoted(column)}`).join(', ');
    const from = `from ${quoted(lookup.table)} t`;
    // One parameter, however many keys: SQLite takes 32,766 of them, PostgreSQL 65,535.
    const where = `where ${key} ${database.isSqlite ? 'in (select value from json_each(?))' : '= any(?)'}`;
    this.sql = {
      look: `select ${key}, ${columns} ${from} limit 0`,
      find: `select cast(${key} as text), ${columns} ${from} ${where} limit ?`,
    };
  }

  /**
   * Looks whether it is there, with its columns.
   *
   * @throws StatementProblem; DomainError `dependency_unavailable`
   */
  async look(): Promise<KeyKind> {
    const [column] = await this.database.describe(this.sql.look);
    const type = column?.type ?? '';
    this.kind = keyKindOf(type, this.database.isSqlite);
    if (this.kind) return this.kind;
    throw new StatementProblem(`column ${this.lookup.key} holds no text, whole numbers or UUIDs: ${type}`);
  }

  /**
   * What is stored for keys, in one query.
   *
   * @throws as `look`
   */
  async find(keys: readonly string[]): Promise<Found> {
    const kind = this.kind ?? (await this.look());
    const texts = new Map<string, string>();
    for (const key of keys) {
      const text = kind.toStored(key);
      if (text !== undefined) texts.set(key, text);
    }
    try {
      const stored = await this.select([...new Set(texts.values())], kind);
      const found = new Map<string, StoredRow | 'several'>();
      for (const [key, text] of texts) {
        const row = stored.get(text);
        if (row) found.set(key, row);
      }
      return found;
    } catch (error) {
      this.kind = undefined; // it may be another table by now
      throw error;
    }
  }

  /** @returns by the key as the database writes it, which may be none of those asked for: it compares in its own ways */
  private async select(keys: readonly string[], kind: KeyKind): Promise<Map<string, StoredRow | 'several'>> {
    if (keys.length === 0) return new Map();
    const most = ROWS_PER_KEY * keys.length + MORE_ROWS;
    try {
      const rows = await this.database.read(this.sql.find, [kind.toParameter(keys), most]);
      if (rows.length < most) return byKey(rows);
    } catch (error) {
      if (isOfValues(error)) return this.selectByHalves(keys, kind);
      throw error;
    }
    throw new StatementProblem(`column ${this.lookup.key} has the same value in many rows`);
  }

  /** Where the database cannot even hold one of the keys (PostgreSQL, in an encoding other than UTF-8). */
  private async selectByHalves(keys: readonly string[], kind: KeyKind): Promise<Map<string, StoredRow | 'several'>> {
    if (keys.length === 1) return new Map();
    const middle = keys.length >> 1;
    const first = await this.select(keys.slice(0, middle), kind);
    return new Map([...first, ...(await this.select(keys.slice(middle), kind))]);
  }
}

function byKey(rows: readonly StoredRow[]): Map<string, StoredRow | 'several'> {
  const found = new Map<string, StoredRow | 'several'>();
  for (const [key, ...values] of rows) found.set(key as string, found.has(key as string) ? 'several' : values);
  return found;
}
