import pg from 'pg';
import { type Settings } from '../../config/settings.js';
import { type Driven } from './driven.js';
import { numbered } from './numbered.js';
import { PostgresReader } from './postgres-reader.js';

/** Of DATABASE_TIMEOUT_MS, what a statement that reads may take: so it is the server that says what was the matter. */
const READ_SHARE = 0.75;

/** A pool of connections to PostgreSQL. */
export function postgres({ DATABASE_URL, DATABASE_POOL_MAX, DATABASE_TIMEOUT_MS }: Settings): Driven {
  const pool = new pg.Pool({
    connectionString: DATABASE_URL,
    application_name: 'nestor',
    max: DATABASE_POOL_MAX,
    connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
    keepAlive: true,
  });
  const reader = new PostgresReader(pool, Math.ceil(READ_SHARE * DATABASE_TIMEOUT_MS));
  const clients = new Set<pg.PoolClient>();
  // Whoever waits for an answer is told that the connection broke; without a listener that would end the process, too.
  const ignore = () => undefined;
  pool.on('error', ignore);
  pool.on('connect', (client) => {
    client.on('error', ignore);
    clients.add(client);
  });
  pool.on('remove', (client) => {
    clients.delete(client);
  });
  const closeNow = async () => {
    // A server that hangs would keep each connection: those in use are cut, their queries fail.
    const ended = [...clients].map((client) => (client as unknown as pg.Client).end().catch(ignore));
    await Promise.race([Promise.all([...ended, pool.end()]), new Promise((resolve) => setTimeout(resolve, 1000))]);
  };
  // Whoever asks something while it closes finds it away, and closes it, too.
  let closing: Promise<void> | undefined;
  return {
    execute: async (sql, parameters = []) => (await pool.query(numbered(sql), [...parameters])).rows as unknown[],
    read: (sql, parameters = []) => reader.read(sql, parameters),
    describe: (sql) => reader.describe(sql),
    dialect: async () => new (await import('kysely')).PostgresDialect({ pool }),
    close: () => (closing ??= closeNow()),
  };
}
