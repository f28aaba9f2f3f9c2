import { firstLine } from '../../common/errors.js';
import { within } from '../../common/within.js';
import { type Settings } from '../../config/settings.js';
import { connect, type Connection } from '../../database/connection/connect.js';
import { isOfStatement, isOfValues, placeOf, problemOf } from '../../database/problem.js';
import { isColumnName, isTableName, NAME_RULE } from '../../signature/identifier.js';
import { checkFile } from './checked-file.js';
import { readCsv } from './csv-file.js';
import { ImportProblem } from './import-problem.js';
import { type LookedUpTable, lookedUpTables } from './looked-up-tables.js';
import { type Column, TargetTable } from './target-table.js';

/** Milliseconds that a statement may wait for others that write. */
const PATIENCE_MS = 60_000;

export interface ImportOptions {
  /** Without it the one that models look features up in. */
  table?: string | undefined;
  /** The column that tells rows apart; without it the one that models look up by. */
  key?: string | undefined;
  /** Told how many rows were checked and written so far, now and then. */
  onProgress: (step: 'checked' | 'written', rows: number) => void;
}

export interface Imported {
  table: string;
  rows: number;
  columns: readonly Column[];
  isNew: boolean;
}

/**
 * Writes the rows of a CSV file into a table, which is made where it is not there. The whole file is checked first. Rows
 * whose key is there already are changed, so that an import that was interrupted is simply repeated: what it had written
 * until then are whole rows.
 *
 * @throws ImportProblem
 */
export async function importFeatures(path: string, options: ImportOptions, settings: Settings): Promise<Imported> {
  const known = await lookedUpTables(settings);
  const name = tableOf(options.table, known);
  const key = keyOf(options.key, name, known.get(name));
  const connection = await open(settings);
  try {
    const isSqlite = settings.DATABASE_URL.startsWith('sqlite:');
    const table = new TargetTable(connection, name, key, isSqlite);
    return await new FeatureImport(path, table, settings, options).run(known.get(name));
  } finally {
    await connection.close();
  }
}

class FeatureImport {
  private written = 0;

  constructor(
    private readonly path: string,
    private readonly table: TargetTable,
    private readonly settings: Settings,
    private readonly options: ImportOptions,
  ) {}

  async run(lookedUp: LookedUpTable | undefined): Promise<Imported> {
    const { table, options } = this;
    const there = await this.ask(() => table.types(), '');
    const { columns, rows } = await checkFile(this.path, {
      key: table.key,
      types: there ?? new Map([[table.key, 'text'], ...(lookedUp?.types ?? [])]),
      taken: there?.keys(),
      onProgress: (checked) => {
        options.onProgress('checked', checked);
      },
    });
    if (!there) await this.ask(() => table.make(columns), '');
    await this.write(columns);
    return { table: table.name, rows, columns, isNew: !there };
  }

  private async write(columns: readonly Column[]): Promise<void> {
    const most = this.table.rowsAtOnce(columns);
    let batch: (readonly string[])[] = [];
    let first = 2;
    let last = 1;
    const flush = async () => {
      if (batch.length === 0) return;
      const rows = batch;
      await this.ask(() => this.table.write(columns, rows), `between lines ${first} and ${last}: `);
      this.written += batch.length;
      this.options.onProgress('written', this.written);
      batch = [];
      first = last + 1;
    };
    let isHeader = true;
    for await (const { line, cells } of readCsv(this.path)) {
      last = line;
      if (isHeader) {
        isHeader = false;
        continue;
      }
      batch.push(cells);
      if (batch.length === most) await flush();
    }
    await flush();
  }

  /** @param place what a mistake is about, to be put in front */
  private async ask<T>(work: () => Promise<T>, place: string): Promise<T> {
    try {
      return await within(PATIENCE_MS, work());
    } catch (error) {
      const again = this.written > 0 ? `; ${this.written} rows are in: import the file again for the others` : '';
      throw new ImportProblem(`${place}${this.explain(error)}${again}`);
    }
  }

  private explain(error: unknown): string {
    const { name, key } = this.table;
    const line = firstLine(error);
    if (/on conflict/i.test(line)) return `column ${key} of ${name} must be its primary key, or unique`;
    if (isOfValues(error) || isOfStatement(error)) return `${name}: ${line}`;
    return `database ${placeOf(this.settings.DATABASE_URL)} is away (${problemOf(error)})`;
  }
}

function tableOf(wanted: string | undefined, known: ReadonlyMap<string, LookedUpTable>): string {
  const [only, ...others] = known.keys();
  const name = wanted ?? only;
  if (name === undefined || (wanted === undefined && others.length > 0)) {
    const names = [...known.keys()].join(', ');
    const why = names === '' ? 'no model in MODELS_DIR looks features up' : `models look features up in ${names}`;
    throw new ImportProblem(`${why}: say which --table`);
  }
  if (!isTableName(name)) throw new ImportProblem(`--table must be the name of a table: ${NAME_RULE}`);
  return name;
}

function keyOf(wanted: string | undefined, table: string, known: LookedUpTable | undefined): string {
  const [only, ...others] = known?.keys ?? [];
  const key = wanted ?? only;
  if (key === undefined || (wanted === undefined && others.length > 0))
    throw new ImportProblem(`say by which column the rows of ${table} are told apart: --key`);
  if (!isColumnName(key)) throw new ImportProblem(`--key must be the name of a column: ${NAME_RULE}`);
  return key;
}

async function open(settings: Settings): Promise<Connection> {
  const { DATABASE_URL } = settings;
  if (DATABASE_URL === 'sqlite::memory:')
    throw new ImportProblem('DATABASE_URL is sqlite::memory:, which nobody else could read');
  try {
    return await connect(settings);
  } catch (error) {
    throw new ImportProblem(`database ${placeOf(DATABASE_URL)} is away (${problemOf(error)})`);
  }
}
