import { type Dialect } from 'kysely';

/** What a database needs to be queried by Kysely. */
export interface Driven {
  dialect: Dialect;
  /** Ends what is under way, and lets go of the database. Never rejects. */
  close(): Promise<void>;
}
