import { isoNow } from '../common/iso-now.js';
import { type Database } from '../database/database.js';

/** Rows that one statement deletes: whatever else is asked of the database waits no longer than for one of them. */
const STEP = 200;

/** What there is; null where there is nothing. */
interface Extent {
  first: number | string | null;
  last: number | string | null;
  /** When the first of them expires. */
  end: string | null;
}

/** Lets predictions go: those whose time is up, and all but the newest so many. */
export class Retention {
  private passing: Promise<void> | undefined;
  private isWanted = false;
  private isStopping = false;

  /** @param most of how many of the newest, of all that were ever written, those are kept whose time is not up */
  constructor(
    private readonly database: Database,
    private readonly most: number,
  ) {}

  /**
   * One pass, in small steps; after the one under way, which may have looked before the last rows were written. Never
   * rejects: where the database is away the next pass does it.
   */
  pass(): Promise<void> {
    this.isWanted = true;
    this.passing ??= this.passWhileWanted().finally(() => (this.passing = undefined));
    return this.passing;
  }

  private async passWhileWanted(): Promise<void> {
    while (this.isWanted && !this.isStopping) {
      this.isWanted = false;
      await this.dropAll().catch(() => undefined);
    }
  }

  /** Ends the pass under way after its step. */
  stop(): void {
    this.isStopping = true;
  }

  /** Looks first, which locks nothing: mostly there is nothing to be done. */
  private async dropAll(): Promise<void> {
    const [extent] = await this.database.execute<Extent>(
      'select (select min(id) from predictions) as first, (select max(id) from predictions) as last, ' +
        '(select min(expires_at) from predictions) as "end"',
    );
    if (!extent) return;
    const { first, last, end } = extent;
    if (end !== null && end <= isoNow()) await this.dropExpired();
    await this.dropOldest(Number(first), Number(last) - this.most);
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

  /** Drops what is between the two, both included. */
  private async dropOldest(first: number, last: number): Promise<void> {
    for (let id = first; id <= last && !this.isStopping; id += STEP)
      await this.database.execute('delete from predictions where id < ?', [Math.min(id + STEP, last + 1)]);
  }
}
