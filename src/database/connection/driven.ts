import { type Dialect } from 'kysely';

/** Values of a row, by column. */
export type ReadRow = readonly unknown[];

/** A column of what a statement reads. */
export interface ReadColumn {
  name: string;
  /** As the database calls it, in capitals: `INT8`, `TEXT`; empty where SQLite has none. */
  type: string;
}

/** A database that can be asked. */
export interface Driven {
  /** Runs one statement by itself, its parameters written as `?`, and gives its rows. */
  execute(sql: string, parameters?: readonly unknown[]): Promise<unknown[]>;
  /**
   * As `execute`, for one that only reads while a caller waits: behind no writer. Whole numbers that a double may not hold
   * come as bigint or text, times as text. A server breaks it off before anybody takes the whole database for away.
   */
  read(sql: string, parameters?: readonly unknown[]): Promise<readonly ReadRow[]>;
  /** The columns of what a statement reads, which gives no rows. */
  describe(sql: string): Promise<readonly ReadColumn[]>;
  /** For Kysely. Its import takes 110 ms of CPU and 20 MB: it is for those who build queries, not for every start. */
  dialect(): Promise<Dialect>;
  /** Ends what is under way, and lets go of the database. Never rejects. */
  close(): Promise<void>;
}
