import { SettingsProblem } from './config/read-settings.js';
import { RepositoryProblem } from './registry/repository.js';

/** What the system says of a port, and the setting that names it. */
interface ListenError extends Error {
  code?: string;
  address?: string;
  hostname?: string;
  port?: number;
  setting?: string;
}

/** What keeps the service from starting, as plain lines. Only what nobody foresaw gets a stack trace. */
export function explain(error: unknown): readonly string[] {
  if (error instanceof SettingsProblem) return error.problems;
  if (error instanceof RepositoryProblem) return [error.message];
  const { code, hostname = 'HOST', address = hostname, port, setting = 'PORT', message, stack } = error as ListenError;
  const where = `${address}:${port ?? setting}`;
  if (code === 'EADDRINUSE') return [`${where} is taken: stop what listens there, or set ${setting}`];
  if (code === 'EACCES' && port !== undefined) return [`${where} needs more rights: set ${setting} to 1024 or above`];
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return [`${address} is not an address of this machine: set HOST`];
  return [stack ?? message];
}
