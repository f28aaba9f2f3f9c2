import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { type Settings } from '../../config/settings.js';
import { type Driven } from './driven.js';
import { SqliteThread } from './sqlite-thread.js';

/** A file of SQLite, `sqlite:<file>` or `sqlite::memory:`. */
export function sqlite({ DATABASE_URL, DATABASE_TIMEOUT_MS }: Settings): Driven {
  // Less than the whole time, so that it is SQLite that says what was the matter.
  const thread = new SqliteThread(DATABASE_URL.slice('sqlite:'.length), Math.ceil(DATABASE_TIMEOUT_MS / 2));
  const dialect = {
    createAdapter: () => new TransactionalAdapter(),
    createDriver: () => new ThreadDriver(thread),
    createIntrospector: (query: ConstructorParameters<typeof SqliteIntrospector>[0]) => new SqliteIntrospector(query),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
  return { dialect, close: () => thread.end() };
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

  constructor(thread: SqliteThread) {
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

  acquireConnection(): Promise<DatabaseConnection> {
    return Promise.resolve(this.connection);
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

  async releaseConnection(): Promise<void> {
    // there is just the one
  }

  async destroy(): Promise<void> {
    // whoever made the thread ends it
  }
}

async function control(connection: DatabaseConnection, sql: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(sql));
}
