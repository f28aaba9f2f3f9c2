import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** Kilobytes of keys that are kept in memory; the rest goes to a temporary file. */
const MEMORY_KB = 16_384;

/** Keys and the lines on which they stood, of files of any size. */
export class SeenKeys {
  /** Without a name SQLite keeps it to itself, and takes it away at its end. */
  private readonly database = new DatabaseSync('');
  private readonly insert: StatementSync;
  private readonly find: StatementSync;

  constructor() {
    this.database.exec(`pragma cache_size = -${MEMORY_KB}; pragma journal_mode = off`);
    this.database.exec('create table keys (key text primary key, line integer) without rowid; begin');
    this.insert = this.database.prepare('insert or ignore into keys values (?, ?)');
    this.find = this.database.prepare('select line from keys where key = ?');
  }

  /** @returns the line on which the key stood before, if it did */
  add(key: string, line: number): number | undefined {
    if (this.insert.run(key, line).changes === 1) return undefined;
    return Number(this.find.get(key)?.line);
  }

  close(): void {
    this.database.close();
  }
}
