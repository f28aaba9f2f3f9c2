import pg, { type PoolClient, type QueryArrayConfig } from 'pg';
import { type Settings } from '../../config/settings.js';
import { type Driven } from './driven.js';

/** Of DATABASE_TIMEOUT_MS, what a statement that reads may take before the server breaks it off. */
const READ_SHARE = 0.75;
/** PostgreSQL's types by their number. */
const TYPES = new Map(Object.entries(pg.types.builtins).map(([name, number]) => [Number(number), name]));
/** What pg would make JavaScript's dates of, in this machine's time zone. */
const TIMES = new Set(['DATE', 'TIME', 'TIMETZ', 'TIMESTAMP', 'TIMESTAMPTZ', 'INTERVAL'].map((name) => numberOf(name)));

/** A pool of connections to PostgreSQL. */
export function postgres({ DATABASE_URL, DATABASE_POOL_MAX, DATABASE_TIMEOUT_MS }: Settings): Driven {
  const pool = new pg.Pool({
    connectionString: DATABASE_URL,
    application_name: 'nestor',
    max: DATABASE_POOL_MAX,
    connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
    keepAlive: true,
  });
  const clients = new Set<PoolClient>();
  const limited = new WeakSet<PoolClient>();
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
  const close = async () => {
    // A server that hangs would keep each connection: those in use are cut, their queries fail.
    const ended = [...clients].map((client) => (client as unknown as pg.Client).end().catch(ignore));
    await Promise.race([Promise.all([...ended, pool.end()]), new Promise((resolve) => setTimeout(resolve, 1000))]);
  };
  return {
    execute: async (sql, parameters = []) => (await pool.query(numbered(sql), [...parameters])).rows as unknown[],
    read: async (sql, parameters = []) => {
      const client = await pool.connect();
      let failure: unknown;
      try {
        if (!limited.has(client)) {
          await client.query(`set statement_timeout = ${Math.ceil(READ_SHARE * DATABASE_TIMEOUT_MS)}`);
          limited.add(client);
        }
        const { rows, fields } = await client.query<unknown[]>(readOf(sql, parameters));
        return { rows, columns: fields.map(({ name, dataTypeID }) => ({ name, type: TYPES.get(dataTypeID) ?? '' })) };
      } catch (error) {
        failure = error;
        throw error;
      } finally {
        // One that the server has answered is as good as before.
        client.release(failure !== undefined && !(failure instanceof pg.DatabaseError));
      }
    },
    dialect: async () => new (await import('kysely')).PostgresDialect({ pool }),
    close,
  };
}

function readOf(sql: string, parameters: readonly unknown[]): QueryArrayConfig {
  return { text: numbered(sql), values: [...parameters], rowMode: 'array', types: AS_TEXT_WHERE_INEXACT };
}

const AS_TEXT_WHERE_INEXACT: QueryArrayConfig['types'] = {
  getTypeParser: ((number: number, format?: 'text') =>
    TIMES.has(number) ? (text: string) => text : pg.types.getTypeParser(number, format)) as typeof pg.types.getTypeParser,
};

/** Parameters as PostgreSQL writes them. */
function numbered(sql: string): string {
  let last = 0;
  return sql.replaceAll('?', () => `$${String(++last)}`);
}

function numberOf(type: string): number {
  return (pg.types.builtins as unknown as Record<string, number>)[type] as number;
}
