import { firstLine } from '../../common/errors.js';
import { type Connection } from '../../database/connection/connect.js';
import { isOfStatement } from '../../database/problem.js';
import { quoted } from '../../signature/identifier.js';
import { type ColumnType, sqlTypeOf, toParameter, typeInDatabase } from './column-type.js';

/** Rows of one statement. */
const MAX_ROWS = 1000;
/** SQLite takes 32,766 of them, PostgreSQL 65,535. */
const MAX_PARAMETERS = 30_000;

export interface Column {
  name: string;
  type: ColumnType;
}

/** The table that features are written to. */
export class TargetTable {
  constructor(
    private readonly connection: Connection,
    readonly name: string,
    /** The column that tells rows apart. */
    readonly key: string,
    private readonly isSqlite: boolean,
  ) {}

  /** The types of its columns, by name; undefined where it is not there. */
  async types(): Promise<Map<string, ColumnType> | undefined> {
    try {
      const columns = await this.connection.describe(`select t.* from ${quoted(this.name)} t limit 0`);
      return new Map(columns.map(({ name, type }) => [name, typeInDatabase(type)]));
    } catch (error) {
      if (isOfStatement(error) && /no such table|does not exist/.test(firstLine(error))) return undefined;
      throw error;
    }
  }

  /** Makes it, where it is not there. */
  async make(columns: readonly Column[]): Promise<void> {
    const lines = columns.map(({ name, type }) => {
      const constraint = name === this.key ? ' not null primary key' : '';
      return `${quoted(name)} ${sqlTypeOf(type, this.isSqlite)}${constraint}`;
    });
    await this.connection.execute(`create table if not exists ${quoted(this.name)} (${lines.join(', ')})`);
  }

  /** Rows that `write` takes at a time. */
  rowsAtOnce(columns: readonly Column[]): number {
    return Math.max(1, Math.min(MAX_ROWS, Math.floor(MAX_PARAMETERS / columns.length)));
  }

  /** Adds rows, or changes those whose key is there: all of them, or none. Columns that are not named stay as they are. */
  async write(columns: readonly Column[], rows: readonly (readonly string[])[]): Promise<void> {
    const names = columns.map(({ name }) => quoted(name));
    const row = `(${names.map(() => '?').join(', ')})`;
    const changes = names.filter((name) => name !== quoted(this.key)).map((name) => `${name} = excluded.${name}`);
    const onConflict = changes.length > 0 ? `do update set ${changes.join(', ')}` : 'do nothing';
    await this.connection.execute(
      `insert into ${quoted(this.name)} (${names.join(', ')}) values ${rows.map(() => row).join(', ')}
       on conflict (${quoted(this.key)}) ${onConflict}`,
      rows.flatMap((cells) => columns.map(({ type }, index) => toParameter(cells[index] ?? '', type, this.isSqlite))),
    );
  }
}
