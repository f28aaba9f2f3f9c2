import { Worker } from 'node:worker_threads';
import { SQLITE_ENTRY } from './sqlite-entry.js';
import {
  type SqliteCall,
  type SqliteFile,
  type SqliteMode,
  type SqliteReply,
  type SqliteResult,
} from './sqlite-protocol.js';

interface Pending {
  resolve: (result: SqliteResult) => void;
  reject: (error: Error) => void;
}

/**
 * A thread that holds a file of SQLite. node:sqlite is synchronous: on the HTTP thread each prediction would wait while
 * the disk writes, or another process holds the lock.
 */
export class SqliteThread {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;

  constructor(workerData: SqliteFile) {
    this.worker = new Worker(SQLITE_ENTRY, {
      name: workerData.isReader ? 'database-reader' : 'database',
      workerData,
      // Some releases of Node call node:sqlite experimental, on standard error.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.worker.on('message', (reply: SqliteReply) => {
      this.settle(reply);
    });
    this.worker.on('error', (error: Error) => {
      this.fail(error);
    });
    this.worker.on('exit', () => {
      this.fail(new Error('the thread of the database ended'));
    });
  }

  /** @throws an error with the `message`, `code` and `errcode` of the one in the thread */
  run(sql: string, parameters: readonly unknown[], mode: SqliteMode = 'run'): Promise<SqliteResult> {
    return new Promise((resolve, reject) => {
      const id = ++this.lastId;
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ id, sql, parameters, mode } satisfies SqliteCall);
    });
  }

  /** Ends it once the statement that is under way is done. SQLite closes the file as the thread ends. */
  async end(): Promise<void> {
    await this.worker.terminate();
  }

  private settle(reply: SqliteReply): void {
    const call = this.pending.get(reply.id);
    this.pending.delete(reply.id);
    if ('result' in reply) call?.resolve(reply.result);
    else call?.reject(Object.assign(new Error(), reply.failure));
  }

  private fail(error: Error): void {
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
  }
}
