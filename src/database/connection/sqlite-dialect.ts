import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { type Turns } from '../../common/turns.js';
import { type SqliteThread } from './sqlite-thread.js';

/** Kysely on a thread that holds a file of SQLite. */
export function sqliteDialect(thread: SqliteThread, turns: Turns): Dialect {
  return {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => new ThreadDriver(thread, turns),
    createIntrospector: (query) => new SqliteIntrospector(query),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/**
 * Has the migrator do its work in one transaction, which is SQLite's only lock: of several processes that start
 * together one migrates, and the others then find it done.
 */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class ThreadDriver implements Driver {
  private readonly connection: DatabaseConnection;
  private release = () => {
    // nobody has it
  };

  constructor(
    thread: SqliteThread,
    private readonly turns: Turns,
  ) {
    this.connection = {
      executeQuery: async <Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> => {
        const { rows, changes } = await thread.run(sql, parameters);
        return { rows: rows as Row[], numAffectedRows: BigInt(changes) };
      },
      streamQuery() {
        throw new Error('not here: answers are small');
      },
    };
  }

  async init(): Promise<void> {
    // the thread opens the file on its first query
  }

  /** There is just the one: whoever has it may be within a transaction, where nobody else's statements belong. */
  acquireConnection(): Promise<DatabaseConnection> {
    return new Promise((resolve) => {
      const hold = () =>
        new Promise<void>((release) => {
          this.release = release;
          resolve(this.connection);
        });
      void this.turns.take(hold);
    });
  }

  /** For writing from the start: one that reads first, and writes later, could fail on a writer in between. */
  beginTransaction(connection: DatabaseConnection): Promise<void> {
    return control(connection, 'begin immediate');
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return control(connection, 'commit');
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return control(connection, 'rollback');
  }

  releaseConnection(): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  async destroy(): Promise<void> {
    // whoever made the thread ends it
  }
}

async function control(connection: DatabaseConnection, sql: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(sql));
}
