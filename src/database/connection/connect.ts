import { type Kysely } from 'kysely';
import { within } from '../../common/within.js';
import { type Settings } from '../../config/settings.js';
import { type Tables } from '../tables.js';
import { type Driven } from './driven.js';
import { migrations } from './migrations.js';

/** A database that was reached, has our tables, and takes writes. */
export interface Connection {
  execute: Driven['execute'];
  read: Driven['read'];
  describe: Driven['describe'];
  query: () => Promise<Kysely<Tables>>;
  /** Ends what is under way, and lets go of the database. Never rejects. */
  close(): Promise<void>;
}

/** Others may be migrating it at the moment: it may take so many times DATABASE_TIMEOUT_MS before it counts as away. */
const MIGRATE_TIMES = 5;
/** What PostgreSQL calls it. */
const UNDEFINED_TABLE = '42P01';

/**
 * Reaches the database, and brings its tables up to date. Any number of processes may do so at the same time.
 *
 * @throws whatever the driver throws
 */
export async function connect(settings: Settings): Promise<Connection> {
  const isSqlite = settings.DATABASE_URL.startsWith('sqlite:');
  const driven: Driven = isSqlite
    ? (await import('./sqlite.js')).sqlite(settings)
    : (await import('./postgres.js')).postgres(settings);
  let query: Promise<Kysely<Tables>> | undefined;
  const connection: Connection = {
    execute: (sql, parameters) => driven.execute(sql, parameters),
    read: (sql, parameters) => driven.read(sql, parameters),
    describe: (sql) => driven.describe(sql),
    query: () => (query ??= queryOn(driven)),
    close: () => driven.close(),
  };
  try {
    const ready = migrate(connection, isSqlite).then(() => tryWriting(connection));
    await within(MIGRATE_TIMES * settings.DATABASE_TIMEOUT_MS, ready);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

async function queryOn(driven: Driven): Promise<Kysely<Tables>> {
  const { Kysely } = await import('kysely');
  return new Kysely<Tables>({ dialect: await driven.dialect() });
}

/** Where all is up to date, as at nearly every start, one query says so. */
async function migrate(connection: Connection, isSqlite: boolean): Promise<void> {
  const known = migrations(isSqlite);
  const done = await connection.execute('select name from kysely_migration').then(
    (rows) => (rows as { name: string }[]).map(({ name }) => name),
    (error: unknown): string[] => {
      if (isNoTable(error)) return [];
      throw error;
    },
  );
  if (Object.keys(known).every((name) => done.includes(name))) return;
  const { Migrator } = await import('kysely/migration');
  const provider = { getMigrations: () => Promise.resolve(known) };
  const { error } = await new Migrator({ db: await connection.query(), provider }).migrateToLatest();
  if (error !== undefined) throw error as Error;
}

/** A database that is full, read-only or locked answers reads. The row is the migrator's; its content is left as it is. */
async function tryWriting({ execute }: Connection): Promise<void> {
  await execute('update kysely_migration_lock set is_locked = is_locked');
}

function isNoTable(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string };
  return code === UNDEFINED_TABLE || message.includes('no such table');
}
