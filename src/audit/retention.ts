import { isoNow } from '../common/iso-now.js';
import { type Database } from '../database/database.js';

/**
 * Rows that one statement deletes: whatever else is asked of the database waits no longer than for one of them, which
 * SQLite takes some ms for.
 */
const STEP = 200;

/** Lets predictions go: those whose time is up, and all but the newest so many. */
export class Retention {
  private passing: Promise<void> | undefined;
  private isStopping = false;

  /** @param most of how many of the newest, of all that were ever written, those are kept whose time is not up */
  constructor(
    private readonly database: Database,
    private readonly most: number,
  ) {}

  /** One pass, in small steps. Never rejects: where the database is away the next pass does it. */
  pass(): Promise<void> {
    this.passing ??= this.dropAll()
      .catch(() => undefined)
      .finally(() => (this.passing = undefined));
    return this.passing;
  }

  /** Ends the pass under way after its step. */
  stop(): void {
    this.isStopping = true;
  }

  private async dropAll(): Promise<void> {
    await this.dropExpired();
    await this.dropOldest();
  }

  private async dropExpired(): Promise<void> {
    let gone = STEP;
    while (gone === STEP && !this.isStopping) {
      const rows = await this.database.execute(
        'delete from predictions where id in ' +
          '(select id from predictions where expires_at <= ? order by expires_at limit ?) returning id',
        [isoNow(), STEP],
      );
      gone = rows.length;
    }
  }

  private async dropOldest(): Promise<void> {
    const [ends] = await this.database.execute<{ first: number | string | null; last: number | string | null }>(
      'select (select min(id) from predictions) as first, (select max(id) from predictions) as last',
    );
    const last = Number(ends?.last) - this.most; // what is up to it goes
    for (let first = Number(ends?.first); first <= last && !this.isStopping; first += STEP)
      await this.database.execute('delete from predictions where id < ?', [Math.min(first + STEP, last + 1)]);
  }
}
