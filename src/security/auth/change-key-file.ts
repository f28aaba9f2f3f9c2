import { access, chmod, chown, constants, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SourceProblem } from '../../common/source-file.js';
import { type ApiKey } from './api-key.js';
import { readKeyFile } from './key-file.js';

/** For so long a command waits for another one that writes. */
const LOCK_MS = 10_000;

/**
 * Changes the keys in the file at `path`, which is made where there is none. Whoever reads it meanwhile finds the old
 * keys or the new ones, also when the machine stops; of two who change it, one waits for the other.
 *
 * @param change what is to be there, given what is there
 * @throws SourceProblem when it cannot be read or written; what `change` throws
 */
export async function changeKeyFile(path: string, change: (keys: ApiKey[]) => ApiKey[]): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    // A link is followed: what it points at is replaced, and not the link.
    const target = await realpath(path).catch(() => path);
    await access(dirname(target), constants.W_OK);
    const unlock = lock(target);
    try {
      await replace(target, `${JSON.stringify({ keys: change(await readKeyFile(target)) }, undefined, 2)}\n`);
    } finally {
      unlock();
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined && code !== 'ERR_SQLITE_ERROR') throw error;
    throw new SourceProblem(`${path}: cannot be written (${whyNot(error as NodeJS.ErrnoException)})`);
  }
}

/**
 * Waits for its turn to write.
 *
 * The lock is one of the system's, on an empty file beside, which SQLite takes: Node has no call for it. The system
 * lets go of it when the process ends, whatever ends it; a file that stands for a lock by being there would stay.
 *
 * @returns lets the next one write
 */
function lock(path: string): () => void {
  const database = new DatabaseSync(`${path}.lock`, { timeout: LOCK_MS });
  database.exec('begin exclusive');
  return () => {
    database.close();
  };
}

/** Writes beside, and renames once all of it is on the disk. Who could read the file before still can. */
async function replace(path: string, text: string): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.new`);
  const before = await stat(path).catch(() => undefined);
  try {
    await rm(beside, { force: true });
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (before) await keepReaders(beside, before);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    throw error;
  }
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

/** A key made by root must not lock the service's own user out; all the world never reads. */
async function keepReaders(path: string, { uid, gid, mode }: { uid: number; gid: number; mode: number }) {
  await chmod(path, 0o600 | (mode & 0o040));
  await chown(path, uid, gid).catch(() => undefined); // only root may
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM')
    return `${code}: where it is mounted from a Secret, change the Secret`;
  if (code === 'ERR_SQLITE_ERROR') return `its lock is not to be had: ${message}`;
  return code ?? message;
}
