import { Turns } from '../../common/turns.js';
import { type Settings } from '../../config/settings.js';
import { type Driven, type ReadColumn, type ReadRow } from './driven.js';
import { SqliteThread } from './sqlite-thread.js';

const IN_MEMORY = ':memory:';

/**
 * A file of SQLite, `sqlite:<file>` or `sqlite::memory:`. Who reads has a thread of its own, 8 MB, from the first time on:
 * with its log, SQLite reads while another writes. What is in memory only the thread sees that holds it.
 */
export function sqlite({ DATABASE_URL, DATABASE_TIMEOUT_MS }: Settings): Driven {
  const path = DATABASE_URL.slice('sqlite:'.length);
  // Less than the whole time, so that it is SQLite that says what was the matter.
  const busyMs = Math.ceil(DATABASE_TIMEOUT_MS / 2);
  const thread = new SqliteThread({ path, busyMs, isReader: false });
  const turns = new Turns();
  let reader: SqliteThread | undefined;
  return {
    execute: (sql, parameters = []) => turns.take(async () => (await thread.run(sql, parameters)).rows),
    read: async (sql, parameters = []) => {
      const readOn = (on: SqliteThread) => on.run(sql, parameters, 'read');
      const { rows } = await (path === IN_MEMORY
        ? turns.take(() => readOn(thread))
        : readOn((reader ??= new SqliteThread({ path, busyMs, isReader: true }))));
      return rows as ReadRow[];
    },
    describe: (sql) => turns.take(async () => (await thread.run(sql, [], 'describe')).rows as ReadColumn[]),
    dialect: async () => (await import('./sqlite-dialect.js')).sqliteDialect(thread, turns),
    close: async () => {
      // The last one that has it open writes SQLite's log back, which a reader may not.
      await reader?.end();
      await thread.end();
    },
  };
}
