/** What the thread is started with. */
export interface SqliteFile {
  /** Path of the file, or `:memory:`. */
  path: string;
  /** Milliseconds to wait for another process's lock. */
  busyMs: number;
  /** true: for reading alone; false: it makes the file, and writes, too. */
  isReader: boolean;
}

export interface SqliteCall {
  id: number;
  sql: string;
  parameters: readonly unknown[];
  mode: SqliteMode;
}

/** run: rows are objects; read: rows are lists, and whole numbers bigints; describe: rows are its columns, nothing is run. */
export type SqliteMode = 'run' | 'read' | 'describe';

export interface SqliteResult {
  rows: unknown[];
  changes: number;
}

/** An error's own fields do not survive the way between threads. */
export interface SqliteFailure {
  message: string;
  /** Of SQLite or of the system: `ERR_SQLITE_ERROR`, `EACCES`. */
  code?: string;
  /** SQLite's extended result code. */
  errcode?: number;
}

export type SqliteReply = { id: number } & ({ result: SqliteResult } | { failure: SqliteFailure });
