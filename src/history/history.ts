import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type Insertable } from 'kysely';
import { PinoLogger } from 'nestjs-pino';
import { BackgroundWriter, type Lost } from '../common/background-writer.js';
import { DomainError, firstLine } from '../common/errors.js';
import { WORKER_NUMBER } from '../common/worker-number.js';
import { isoNow } from '../common/iso-now.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { insertNew } from '../database/insert-new.js';
import { type EventsTable } from '../database/tables.js';
import { Metrics } from '../metrics/metrics.js';
import { type EventKind, type EventQuery, type KeptEvent, type ModelEvent } from './event.js';
import { logEvent } from './event-line.js';

/** Events that wait for the database; beyond them the oldest are dropped. */
const MAX_WAITING = 10_000;
/** Events in one statement: SQLite and PostgreSQL take 32,766 and 65,535 parameters. */
const BATCH = 500;

const COLUMNS = [
  'id', 'at', 'kind', 'model', 'version', 'label', 'from', 'to', 'why', 'who', 'host', 'worker',
] as const; // prettier-ignore
const WRITTEN = ['key', ...COLUMNS.slice(1)] as ('key' | Exclude<(typeof COLUMNS)[number], 'id'>)[];
/** Characters of a reason that are kept; the log has the whole. */
const MAX_WHY = 1000;

/**
 * What happened to models: each event is a line of the log, and a row of the database. It waits for nothing and breaks
 * nothing: rows are written in the background, and wait in memory while the database is away.
 */
@Injectable()
export class History implements OnApplicationShutdown {
  private readonly writer = new BackgroundWriter<Insertable<EventsTable>>({
    write: (batch) => this.write(batch),
    isAway: (error) => error instanceof DomainError, // the database has said so
    batchSize: BATCH,
    mostWaiting: MAX_WAITING,
    onLost: (lost) => {
      this.tell(lost);
    },
  });
  /** Rows written since the oldest were last deleted; as if by a process before this one, at first. */
  private untrimmed = Infinity;
  private readonly origin = { host: hostname(), worker: WORKER_NUMBER };
  private readonly process = randomUUID();
  private count = 0;

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {}

  /**
   * Takes an event down. Never throws, and never waits.
   *
   * @param details what only its line in the log has besides
   */
  record(event: ModelEvent, details: object = {}): void {
    logEvent(this.logger, event, details);
    const { kind, model, version = null, label = null, from = null, to = null, who = null } = event;
    // PostgreSQL has no text with a zero in it.
    const why = event.why?.slice(0, MAX_WHY).replaceAll('\0', '') ?? null;
    const key = `${this.process}-${String(this.count++)}`;
    this.writer.add({ key, at: isoNow(), kind, model, version, label, from, to, why, who, ...this.origin });
  }

  /**
   * What was kept, from the newest on, with all that happened in this process so far.
   *
   * @throws DomainError `dependency_unavailable`
   */
  async read({ limit, before, model, kind, among }: EventQuery): Promise<KeptEvent[]> {
    await this.writer.flush();
    return this.database.run(async (query) => {
      let events = query.selectFrom('events').select(COLUMNS).orderBy('id', 'desc').limit(limit);
      if (before !== undefined) events = events.where('id', '<', before);
      if (model !== undefined) events = events.where('model', '=', model);
      if (among !== undefined) events = events.where('model', 'in', among);
      if (kind !== undefined) events = events.where('kind', '=', kind);
      const rows = await events.execute();
      return rows.map((row) => ({ ...row, kind: row.kind as EventKind }));
    });
  }

  /** The database closes after this. */
  async onApplicationShutdown(): Promise<void> {
    await this.writer.stop();
  }

  private tell({ count, error, isNews }: Lost): void {
    this.metrics.eventsDropped.inc(count);
    if (!isNews) return;
    if (error === undefined)
      this.logger.warn('Events are dropped, the oldest first: the database has been away for long');
    else this.logger.error(`Events are dropped (${count}), which could not be written (${firstLine(error)})`);
  }

  private async write(batch: readonly Insertable<EventsTable>[]): Promise<void> {
    await insertNew(this.database, 'events', WRITTEN, 'key', batch);
    this.untrimmed += batch.length;
    if (this.untrimmed >= this.settings.EVENTS_KEPT / 10) await this.trim();
  }

  private async trim(): Promise<void> {
    await this.database.execute(
      'delete from events where id <= (select id from events order by id desc limit 1 offset ?)',
      [this.settings.EVENTS_KEPT],
    );
    this.untrimmed = 0;
  }
}
