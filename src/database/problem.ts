import { firstLine } from '../common/errors.js';

/** What SQLite calls by number: its primary result codes. */
const SQLITE: Record<number, string> = {
  5: 'another program has locked it',
  6: 'another program has locked it',
  8: 'it is read-only',
  10: 'its disk fails, or is full',
  11: 'it is damaged',
  13: 'its disk is full',
  14: 'it cannot be opened',
  26: 'the file is not a database',
};

/** What the system says while a folder is made or a server is connected to. */
const SYSTEM: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'its file system is read-only',
  ENOSPC: 'its disk is full',
  ENOENT: 'its folder is not there',
  EEXIST: 'its folder is a file',
  ENOTDIR: 'its folder is a file',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection lost',
  EPIPE: 'connection lost',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no way to its host',
  ENETUNREACH: 'no way to its host',
  ENOTFOUND: 'its host is not known',
  EAI_AGAIN: 'its host is not known',
};

/** What keeps a database from working, in one line without a path or a secret of ours. */
export function problemOf(error: unknown): string {
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (errcode !== undefined) return SQLITE[errcode % 256] ?? firstLine(error);
  if (code !== undefined && Object.hasOwn(SYSTEM, code)) return SYSTEM[code] as string;
  const text = firstLine(error);
  if (/timeout/i.test(text)) return 'no answer';
  return /^Connection (terminated|ended)/.test(text) ? 'connection lost' : text || (code ?? 'unknown error');
}

/** Whether a statement failed for the values in it: PostgreSQL's classes 22 and 23, SQLite's constraints and types. */
export function isOfValues(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return errcode === undefined ? /^2[23]\w{3}$/.test(code ?? '') : [19, 20].includes(errcode % 256);
}

/**
 * Whether a statement failed for what it asks: a table, a column or a right that is not there, or more time than it may
 * take. PostgreSQL's class 42 (and 54: too complex) and what it calls cancelled or locked; SQLite's generic error.
 */
export function isOfStatement(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  if (errcode !== undefined) return errcode % 256 === 1;
  return /^(42|54)\w{3}$/.test(code ?? '') || ['3F000', '57014', '55P03'].includes(code ?? '');
}

/** Whether a statement was given up for another one's sake: PostgreSQL's deadlocks and conflicts. It may be repeated. */
export function isConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(String((error as { code?: unknown }).code));
}

/** Where a server or a file is, for the log: without user, password and options. */
export function placeOf(url: string): string {
  if (url.startsWith('sqlite:')) return url.slice('sqlite:'.length);
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
