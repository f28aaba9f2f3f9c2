import { basename } from 'node:path';
import { didYouMean } from '../../common/did-you-mean.js';
import { isColumnName, NAME_RULE } from '../../signature/identifier.js';
import { type ColumnType, problemOf, TypeGuess } from './column-type.js';
import { type CsvRow, readCsv } from './csv-file.js';
import { ImportProblem } from './import-problem.js';
import { SeenKeys } from './seen-keys.js';
import { type Column } from './target-table.js';

/** Problems that are told at a time. */
const MAX_PROBLEMS = 20;

export interface CheckOptions {
  /** The column that tells rows apart. */
  key: string;
  /** What is known of columns; the others' types are taken from what they hold. */
  types: ReadonlyMap<string, ColumnType>;
  /** The table's columns, where it is there: it takes no others. */
  taken: Iterable<string> | undefined;
  /** Told how many rows were read so far, now and then. */
  onProgress: (rows: number) => void;
}

/** A file each of whose cells fits its column, and each of whose keys stands there once. */
export interface CheckedFile {
  columns: readonly Column[];
  rows: number;
}

/**
 * Reads a whole file, and keeps none of it.
 *
 * @throws ImportProblem naming file, line and column of up to 20 problems
 */
export async function checkFile(path: string, options: CheckOptions): Promise<CheckedFile> {
  const check = new FileCheck(basename(path), options);
  try {
    for await (const row of readCsv(path)) check.take(row);
    return check.end();
  } finally {
    check.close();
  }
}

class FileCheck {
  private columns: { name: string; type: ColumnType | undefined; guess: TypeGuess }[] | undefined;
  private rows = 0;
  private readonly problems: string[] = [];
  private readonly seen = new SeenKeys();

  constructor(
    private readonly file: string,
    private readonly options: CheckOptions,
  ) {}

  take({ line, cells }: CsvRow): void {
    if (!this.columns) {
      this.columns = this.header(line, cells);
      return;
    }
    const { length } = this.columns;
    if (cells.length !== length) {
      this.add(line, `has ${counted(cells.length, 'column')}, and the header has ${length}`);
      return;
    }
    for (const [index, { name, type, guess }] of this.columns.entries()) {
      const cell = cells[index] ?? '';
      const problem = problemOf(cell, type ?? 'text');
      if (problem !== undefined) this.add(line, `${name}: ${problem}`);
      else if (name === this.options.key) this.key(line, cell, type);
      if (!type) guess.add(cell);
    }
    if (++this.rows % 1000 === 0) this.options.onProgress(this.rows);
  }

  end(): CheckedFile {
    if (!this.columns) this.add(1, 'is empty: its first line must name the columns');
    if (this.problems.length > 0) throw this.failure();
    const columns = (this.columns ?? []).map(({ name, type, guess }) => ({ name, type: type ?? guess.type }));
    return { columns, rows: this.rows };
  }

  close(): void {
    this.seen.close();
  }

  private header(line: number, names: readonly string[]) {
    const { key, types, taken } = this.options;
    const known = taken && [...taken];
    const used = new Set<string>();
    for (const [index, name] of names.entries()) {
      const fail = (message: string) => {
        this.add(line, `column ${index + 1} of the header ${message}`);
      };
      if (!isColumnName(name)) fail(`must be the name of a column: ${NAME_RULE}`);
      else if (used.has(name.toLowerCase())) fail('has the name of another one');
      else if (known && !known.includes(name)) fail(`is not in the table${didYouMean(name, known)}`);
      used.add(name.toLowerCase());
    }
    if (!names.includes(key)) this.add(line, `there is no column "${key}"${hintOf(names, key)}`);
    if (this.problems.length > 0) throw this.failure();
    return names.map((name) => ({ name, type: types.get(name), guess: new TypeGuess() }));
  }

  private key(line: number, cell: string, type: ColumnType | undefined): void {
    const { key } = this.options;
    if (cell === '') {
      this.add(line, `${key}: must not be empty`);
      return;
    }
    const before = this.seen.add(type === 'integer' ? String(BigInt(cell.replace('+', ''))) : cell, line);
    if (before !== undefined) this.add(line, `${key}: stands on line ${before} already`);
  }

  private add(line: number, message: string): void {
    this.problems.push(`${this.file}:${line}: ${message}`);
    if (this.problems.length === MAX_PROBLEMS) throw this.failure();
  }

  private failure(): ImportProblem {
    const more = this.problems.length === MAX_PROBLEMS ? ['There may be more.'] : [];
    return new ImportProblem(['nothing was imported', ...this.problems, ...more].join('\n'));
  }
}

function hintOf(names: readonly string[], key: string): string {
  const [only = ''] = names;
  if (names.length === 1 && /[;\t]/.test(only)) return ': columns are separated by commas';
  return didYouMean(key, names);
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
