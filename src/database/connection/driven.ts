import { type Dialect } from 'kysely';

/** What a statement reads. */
export interface Read {
  /** Values by column; whole numbers that a double cannot hold as bigint or text. */
  rows: readonly (readonly unknown[])[];
  columns: readonly ReadColumn[];
}

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
   * As `execute`, for one that only reads while a caller waits: behind no writer, and with numbers as they are. Where the
   * server itself can break it off, it does so before anybody takes the whole database for away.
   */
  read(sql: string, parameters?: readonly unknown[]): Promise<Read>;
  /** For Kysely. Its import takes 110 ms of CPU and 20 MB: it is for those who build queries, not for every start. */
  dialect(): Promise<Dialect>;
  /** Ends what is under way, and lets go of the database. Never rejects. */
  close(): Promise<void>;
}
