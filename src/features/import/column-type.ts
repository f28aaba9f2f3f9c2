/** What a column holds. */
export type ColumnType = 'integer' | 'number' | 'boolean' | 'text';

const LARGEST = 2n ** 63n;

const RULES: Record<ColumnType, { accepts: (cell: string) => boolean; wanted: string }> = {
  integer: { accepts: isInteger, wanted: 'a whole number' },
  number: { accepts: isNumber, wanted: 'a number' },
  boolean: { accepts: (cell) => toBoolean(cell) !== undefined, wanted: 'true or false' },
  text: { accepts: (cell) => !cell.includes('\0'), wanted: 'text' },
};

/** What is wrong with a cell, to be put after its place; undefined when nothing is. An empty one is no value. */
export function problemOf(cell: string, type: ColumnType): string | undefined {
  const { accepts, wanted } = RULES[type];
  return cell === '' || accepts(cell) ? undefined : `must be ${wanted}`;
}

/** A cell as a parameter: databases read numbers from text better than JavaScript does. */
export function toParameter(cell: string, type: ColumnType, isSqlite: boolean): unknown {
  if (cell === '') return null;
  if (type !== 'boolean') return cell;
  const value = toBoolean(cell);
  return isSqlite ? Number(value) : value;
}

/** The narrowest type that holds all cells of a column. */
export class TypeGuess {
  private possible: ColumnType[] = ['integer', 'number', 'boolean', 'text'];
  private isEmpty = true;

  add(cell: string): void {
    if (cell === '' || (this.possible.length === 1 && !this.isEmpty)) return;
    this.isEmpty = false;
    // 0123 is a code, not a number; and 0 and 1 may be numbers as well as booleans.
    const isCode = /^[+-]?0\d/.test(cell) || cell.startsWith('+');
    this.possible = this.possible.filter((type) => RULES[type].accepts(cell) && !(isCode && type !== 'text'));
  }

  get type(): ColumnType {
    return this.isEmpty ? 'text' : (this.possible[0] ?? 'text');
  }
}

/** What a column of a database holds. What is none of these is left to the database: times, say. */
export function typeInDatabase(type: string): ColumnType {
  if (type.startsWith('BOOL')) return 'boolean';
  if (/^(INT|BIGINT|SMALLINT|TINYINT|MEDIUMINT|UNSIGNED)/.test(type)) return 'integer';
  return /^(REAL|FLOAT|DOUBLE|NUMERIC|DECIMAL)/.test(type) ? 'number' : 'text';
}

const SQL: Record<ColumnType, { sqlite: string; postgres: string }> = {
  integer: { sqlite: 'integer', postgres: 'bigint' },
  number: { sqlite: 'real', postgres: 'double precision' },
  boolean: { sqlite: 'boolean', postgres: 'boolean' },
  text: { sqlite: 'text', postgres: 'text' },
};

/** The type that a new column gets. */
export function sqlTypeOf(type: ColumnType, isSqlite: boolean): string {
  return SQL[type][isSqlite ? 'sqlite' : 'postgres'];
}

function isInteger(cell: string): boolean {
  if (!/^[+-]?\d{1,40}$/.test(cell)) return false;
  const value = BigInt(cell.replace('+', ''));
  return value >= -LARGEST && value < LARGEST;
}

function isNumber(cell: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(cell) && Number.isFinite(Number(cell));
}

function toBoolean(cell: string): boolean | undefined {
  const word = cell.toLowerCase();
  if (word === 'true' || word === '1') return true;
  return word === 'false' || word === '0' ? false : undefined;
}
