import { type Database } from './database.js';

/**
 * Inserts rows in one statement, but those whose key is there already: where nobody knows whether rows arrived they are
 * written again, and each is kept once.
 *
 * @param key the columns of the table's unique key
 * @throws DomainError as Database.run
 */
export async function insertNew<Row extends object>(
  database: Database,
  table: string,
  columns: readonly (keyof Row & string)[],
  key: string,
  rows: readonly Row[],
): Promise<void> {
  const names = columns.map((name) => `"${name}"`).join(', ');
  const places = `(${columns.map(() => '?').join(', ')})`;
  const values = rows.map(() => places).join(', ');
  await database.execute(
    `insert into ${table} (${names}) values ${values} on conflict (${key}) do nothing`,
    rows.flatMap((row) => columns.map((name) => row[name] ?? null)),
  );
}
