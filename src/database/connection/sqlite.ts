import { Turns } from '../../common/turns.js';
import { type Settings } from '../../config/settings.js';
import { type Driven } from './driven.js';
import { SqliteThread } from './sqlite-thread.js';

/** A file of SQLite, `sqlite:<file>` or `sqlite::memory:`. */
export function sqlite({ DATABASE_URL, DATABASE_TIMEOUT_MS }: Settings): Driven {
  // Less than the whole time, so that it is SQLite that says what was the matter.
  const thread = new SqliteThread(DATABASE_URL.slice('sqlite:'.length), Math.ceil(DATABASE_TIMEOUT_MS / 2));
  const turns = new Turns();
  return {
    execute: (sql, parameters = []) => turns.take(async () => (await thread.run(sql, parameters)).rows),
    dialect: async () => (await import('./sqlite-dialect.js')).sqliteDialect(thread, turns),
    close: () => thread.end(),
  };
}
