import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import {
  type SqliteCall,
  type SqliteFailure,
  type SqliteFile,
  type SqliteReply,
  type SqliteResult,
} from './sqlite-protocol.js';

const SQLITE_BUSY = 5;
const RETRY_MS = 10;

/** Statements that are kept as they were prepared, which is half of what a short one takes. */
const MAX_READS = 100;

const { path, busyMs, isReader } = workerData as SqliteFile;
let database: DatabaseSync | undefined;
const reads = new Map<string, StatementSync>();
const MODES = { run, read, describe };

parentPort?.on('message', ({ id, sql, parameters, mode }: SqliteCall) => {
  let reply: SqliteReply;
  try {
    database ??= open();
    reply = { id, result: MODES[mode](database, sql, parameters) };
  } catch (error) {
    const { message, code, errcode } = error as SqliteFailure;
    reply = {
      id,
      failure: { message, ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) },
    };
  }
  parentPort?.postMessage(reply);
});

function open(): DatabaseSync {
  if (isReader) return new DatabaseSync(path, { timeout: busyMs, readOnly: true });
  if (path !== ':memory:') makeFolder(dirname(path));
  const opened = new DatabaseSync(path, { timeout: busyMs });
  try {
    useLog(opened);
    // Safe with a log: a loss of power may undo the last transactions, and leaves the file whole.
    opened.exec('pragma synchronous = normal');
  } catch (error) {
    opened.close();
    throw error;
  }
  return opened;
}

/** That folder only: a longer path that is not there is rather a mistake, or a volume that is not mounted. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** Readers and the writer do not wait for each other then. While that is set up SQLite does not wait for locks itself. */
function useLog(opened: DatabaseSync): void {
  const until = performance.now() + busyMs;
  for (;;) {
    try {
      opened.exec('pragma journal_mode = wal');
      return;
    } catch (error) {
      const isLocked = ((error as SqliteFailure).errcode ?? 0) % 256 === SQLITE_BUSY;
      if (!isLocked || performance.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

function run(opened: DatabaseSync, sql: string, parameters: readonly unknown[]): SqliteResult {
  const statement = opened.prepare(sql);
  const values = parameters as SQLInputValue[];
  if (statement.columns().length > 0) return { rows: statement.all(...values), changes: 0 };
  return { rows: [], changes: Number(statement.run(...values).changes) };
}

function read(opened: DatabaseSync, sql: string, parameters: readonly unknown[]): SqliteResult {
  const statement = reads.get(sql) ?? prepareRead(opened, sql);
  return { rows: statement.all(...(parameters as SQLInputValue[])), changes: 0 };
}

function prepareRead(opened: DatabaseSync, sql: string): StatementSync {
  const statement = opened.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  if (reads.size === MAX_READS) reads.clear();
  reads.set(sql, statement);
  return statement;
}

function describe(opened: DatabaseSync, sql: string): SqliteResult {
  const columns = opened.prepare(sql).columns();
  return { rows: columns.map(({ name, type }) => ({ name, type: type?.toUpperCase() ?? '' })), changes: 0 };
}
