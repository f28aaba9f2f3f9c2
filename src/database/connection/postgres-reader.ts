import pg, {
  type CustomTypesConfig,
  type Pool,
  type PoolClient,
  type QueryArrayConfig,
  type QueryArrayResult,
} from 'pg';
import { numbered } from './numbered.js';
import { type ReadColumn, type ReadRow } from './driven.js';

/** PostgreSQL's types: their numbers by name, and their names by number. */
const NUMBERS = pg.types.builtins as unknown as Record<string, number>;
const NAMES = new Map(Object.entries(NUMBERS).map(([name, number]) => [number, name]));
/** What pg would make JavaScript's dates of, in this machine's time zone. */
const TIMES = new Set(['DATE', 'TIME', 'TIMETZ', 'TIMESTAMP', 'TIMESTAMPTZ', 'INTERVAL'].map((name) => NUMBERS[name]));

const AS_THEY_ARE: CustomTypesConfig = {
  getTypeParser: (number, format?: unknown): ((text: string) => unknown) =>
    TIMES.has(number)
      ? (text) => text
      : (pg.types.getTypeParser(number, format as 'text') as (text: string) => unknown),
};

/** Statements that only read, on connections that others use as well. The server breaks off what takes too long. */
export class PostgresReader {
  private readonly limited = new WeakSet<PoolClient>();

  constructor(
    private readonly pool: Pool,
    private readonly limitMs: number,
  ) {}

  async read(sql: string, parameters: readonly unknown[]): Promise<readonly ReadRow[]> {
    return (await this.ask(sql, parameters)).rows;
  }

  async describe(sql: string): Promise<readonly ReadColumn[]> {
    const { fields } = await this.ask(sql, []);
    return fields.map(({ name, dataTypeID }) => ({ name, type: NAMES.get(dataTypeID) ?? '' }));
  }

  private async ask(sql: string, parameters: readonly unknown[]): Promise<QueryArrayResult<unknown[]>> {
    const client = await this.pool.connect();
    let isBroken = false;
    try {
      if (!this.limited.has(client)) {
        // Not as a parameter of the connection: PgBouncer refuses those that it does not know.
        await client.query(`set statement_timeout = ${this.limitMs}`);
        this.limited.add(client);
      }
      const query: QueryArrayConfig = {
        text: numbered(sql),
        values: [...parameters],
        rowMode: 'array',
        types: AS_THEY_ARE,
      };
      return await client.query<unknown[]>(query);
    } catch (error) {
      isBroken = !(error instanceof pg.DatabaseError); // else the server has answered
      throw error;
    } finally {
      client.release(isBroken);
    }
  }
}
