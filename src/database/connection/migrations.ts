import { type Kysely } from 'kysely';
import { type Migration } from 'kysely/migration';

/**
 * How the tables came to be, by name and in this order. What is in a release is never changed: a change is another
 * migration. The release before must still work on the tables that result, since replicas are replaced one by one.
 *
 * @param isSqlite true: for SQLite; false: for PostgreSQL
 */
export function migrations(isSqlite: boolean): Record<string, Migration> {
  return {
    '001-decisions': {
      async up(query: Kysely<unknown>) {
        await query.schema
          .createTable('decisions')
          .addColumn('model', 'varchar(64)', (column) => column.notNull())
          .addColumn('kind', 'varchar(16)', (column) => column.notNull())
          .addColumn('name', 'varchar(64)', (column) => column.notNull())
          .addColumn('value', 'varchar(64)', (column) => column.notNull())
          .addColumn('at', 'varchar(32)', (column) => column.notNull())
          .addColumn('who', 'text')
          .addPrimaryKeyConstraint('decisions_key', ['model', 'kind', 'name'])
          .execute();
      },
    },
    '002-events': {
      async up(query: Kysely<unknown>) {
        await query.schema
          .createTable('events')
          // In SQLite only `autoincrement` never gives the number of a row that is gone to another one.
          .addColumn('id', 'integer', (column) =>
            isSqlite ? column.primaryKey().autoIncrement() : column.primaryKey().generatedAlwaysAsIdentity(),
          )
          .addColumn('key', 'varchar(64)', (column) => column.notNull().unique())
          .addColumn('at', 'varchar(32)', (column) => column.notNull())
          .addColumn('kind', 'varchar(16)', (column) => column.notNull())
          .addColumn('model', 'varchar(64)', (column) => column.notNull())
          .addColumn('version', 'varchar(64)')
          .addColumn('label', 'text')
          .addColumn('from', 'text')
          .addColumn('to', 'text')
          .addColumn('why', 'text')
          .addColumn('who', 'text')
          .addColumn('host', 'text', (column) => column.notNull())
          .addColumn('worker', 'integer', (column) => column.notNull())
          .execute();
      },
    },
    '003-predictions': {
      async up(query: Kysely<unknown>) {
        await query.schema
          .createTable('predictions')
          .addColumn('id', isSqlite ? 'integer' : 'bigint', (column) =>
            isSqlite ? column.primaryKey().autoIncrement() : column.primaryKey().generatedAlwaysAsIdentity(),
          )
          .addColumn('answer', 'varchar(64)', (column) => column.notNull())
          .addColumn('row', 'integer', (column) => column.notNull())
          .addColumn('request_id', 'varchar(128)', (column) => column.notNull())
          .addColumn('at', 'varchar(32)', (column) => column.notNull())
          .addColumn('expires_at', 'varchar(32)')
          .addColumn('model', 'varchar(64)', (column) => column.notNull())
          .addColumn('version', 'varchar(64)', (column) => column.notNull())
          .addColumn('digest', 'varchar(64)', (column) => column.notNull())
          .addColumn('features', 'text')
          .addColumn('prediction', 'text', (column) => column.notNull())
          .addColumn('duration', 'double precision', (column) => column.notNull())
          .addColumn('cached', 'integer', (column) => column.notNull())
          .addColumn('who', 'text')
          .addUniqueConstraint('predictions_key', ['answer', 'row'])
          .execute();
        const index = (name: string, columns: string[]) =>
          query.schema.createIndex(`predictions_${name}`).on('predictions').columns(columns).execute();
        await index('by_request', ['request_id', 'id']);
        await index('by_time', ['model', 'at', 'id']);
        await index('by_end', ['expires_at']);
      },
    },
  };
}
