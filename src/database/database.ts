import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type Kysely } from 'kysely';
import { PinoLogger } from 'nestjs-pino';
import { DomainError, firstLine } from '../common/errors.js';
import { within } from '../common/within.js';
import { Settings } from '../config/settings.js';
import { type Connection } from './connection/connect.js';
import { type ReadColumn, type ReadRow } from './connection/driven.js';
import { isConflict, isOfStatement, isOfValues, placeOf, problemOf } from './problem.js';
import { type Tables } from './tables.js';

/** Milliseconds between two attempts while it is away: doubled from the first to the last. */
const FIRST_PAUSE_MS = 250;
const LAST_PAUSE_MS = 5000;
/** How often a server that nothing is asked of is looked at: so health tells that it went away. */
const LOOK_EVERY_MS = 5000;

/** What a statement asks for is not there, may not be read, or takes too long. It says nothing of the database itself. */
export class StatementProblem extends Error {}

/**
 * The database. It is opened in the background: nothing waits for it but who asks it something. While it is away that
 * fails at once, and it is tried again until it is back.
 */
@Injectable()
export class Database implements OnApplicationBootstrap, OnApplicationShutdown {
  /** What keeps it from working, in one line; undefined while it works, and until that is known. */
  problem: string | undefined;
  private opening: Promise<Connection> | undefined;
  private connection: Connection | undefined;
  private pauseMs = FIRST_PAUSE_MS;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly settings: Settings,
    private readonly logger: PinoLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.tryToOpen();
  }

  /** Whoever uses it shuts down before it. */
  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const { DATABASE_TIMEOUT_MS } = this.settings;
    const closed = Promise.resolve(this.opening).then((connection) => connection?.close());
    await within(DATABASE_TIMEOUT_MS, closed).catch(() => undefined);
  }

  /**
   * What a query gives, within DATABASE_TIMEOUT_MS. Waits for the database to be opened, where that is under way.
   *
   * @param work may make several queries; a transaction, where all of them or none must hold
   * @throws DomainError `dependency_unavailable` when the database is away, or did not answer in time: what was written
   *   outside a transaction may be there all the same. Errors of `work` itself as they are.
   */
  run<T>(work: (query: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.ask(async (connection) => work(await connection.query()));
  }

  /**
   * As `run`, for the statements of every start: they do without Kysely, whose import takes 110 ms of CPU and 20 MB.
   *
   * @param sql one statement that SQLite and PostgreSQL understand, its parameters written as `?`
   * @throws DomainError as `run`
   */
  execute<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.ask((connection) => connection.execute(sql, parameters)) as Promise<Row[]>;
  }

  /**
   * As `execute`, for a statement that only reads while a caller waits, on tables that may be anybody's.
   *
   * @throws StatementProblem, after which the database counts as there; else as `run`
   */
  read(sql: string, parameters: readonly unknown[] = []): Promise<readonly ReadRow[]> {
    return this.ask((connection) => connection.read(sql, parameters).catch(failRead));
  }

  /**
   * The columns of what such a statement reads, which gives no rows.
   *
   * @throws as `read`
   */
  describe(sql: string): Promise<readonly ReadColumn[]> {
    return this.ask((connection) => connection.describe(sql).catch(failRead));
  }

  /** Reads that may be under way at the same time, so that whatever else is asked of it has its turn. */
  get readers(): number {
    return this.isSqlite ? 1 : Math.max(1, this.settings.DATABASE_POOL_MAX - 2);
  }

  get isSqlite(): boolean {
    return this.settings.DATABASE_URL.startsWith('sqlite:');
  }

  private async ask<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.problem !== undefined || this.isClosed) throw away();
    let connection: Connection | undefined;
    const answer = this.open().then((opened) => {
      connection = opened;
      return work(opened).catch((error: unknown) => {
        if (isConflict(error)) return work(opened);
        throw error;
      });
    });
    try {
      return await within(this.settings.DATABASE_TIMEOUT_MS, answer);
    } catch (error) {
      if (isOurs(error)) throw error;
      if (connection) this.lose(connection, error);
      throw away();
    }
  }

  private open(): Promise<Connection> {
    this.opening ??= this.openNow();
    return this.opening;
  }

  private tryToOpen(): void {
    this.open().catch(() => undefined); // it is in the log, and tried again
  }

  private async openNow(): Promise<Connection> {
    try {
      const { connect } = await import('./connection/connect.js');
      const connection = await connect(this.settings);
      this.connection = connection;
      if (this.problem !== undefined) this.logger.info(`Database ${this.place} is back`);
      this.problem = undefined;
      this.pauseMs = FIRST_PAUSE_MS;
      this.lookLater();
      return connection;
    } catch (error) {
      this.isAway(error);
      throw error;
    }
  }

  /** A server may go away while nothing is asked of it. A file is looked at when something is. */
  private lookLater(): void {
    clearTimeout(this.timer);
    if (this.isClosed || this.isSqlite) return;
    const look = () => this.execute('select model from decisions limit 1');
    this.timer = setTimeout(() => {
      look().then(
        () => {
          this.lookLater();
        },
        () => undefined, // it is tried again by now
      );
    }, LOOK_EVERY_MS).unref();
  }

  /** Of the queries that fail at the same time the first one's error counts. */
  private lose(connection: Connection, error: unknown): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    void connection.close();
    this.isAway(error);
  }

  private isAway(error: unknown): void {
    this.opening = undefined;
    if (this.isClosed) return;
    const problem = problemOf(error);
    if (problem !== this.problem) {
      this.logger.error(
        `Database ${this.place} is away (${problem}): what is loaded goes on serving, and it is tried again`,
      );
    }
    this.problem = problem;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.tryToOpen();
    }, this.pauseMs).unref();
    this.pauseMs = Math.min(2 * this.pauseMs, LAST_PAUSE_MS);
  }

  private get place(): string {
    return placeOf(this.settings.DATABASE_URL);
  }
}

function failRead(error: unknown): never {
  throw isOfStatement(error) ? new StatementProblem(firstLine(error), { cause: error }) : error;
}

/** Whether an error says nothing of the database: a refusal, or a mistake in the code or in what was to be written. */
function isOurs(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  if (isOfValues(error) || name === 'DataCloneError' || code === 'ERR_INVALID_ARG_TYPE') return true;
  return [DomainError, StatementProblem, TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind);
}

function away(): DomainError {
  return new DomainError('dependency_unavailable', 'The database is away: try again later.', {
    retryAfter: LAST_PAUSE_MS / 1000,
  });
}
