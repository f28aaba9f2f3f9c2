import { type Dialect } from 'kysely';

/** A database that can be asked. */
export interface Driven {
  /** Runs one statement by itself, its parameters written as `?`, and gives its rows. */
  execute(sql: string, parameters?: readonly unknown[]): Promise<unknown[]>;
  /** For Kysely. Its import takes 110 ms of CPU and 20 MB: it is for those who build queries, not for every start. */
  dialect(): Promise<Dialect>;
  /** Ends what is under way, and lets go of the database. Never rejects. */
  close(): Promise<void>;
}
