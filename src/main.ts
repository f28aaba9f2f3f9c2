import { type INestApplication } from '@nestjs/common';
import { announce } from './announce.js';
import { firstLine } from './common/errors.js';
import { SettingsProblem } from './config/read-settings.js';
import { Settings } from './config/settings.js';
import { createApp } from './create-app.js';
import { Reconciler } from './registry/reconciler.js';
import { RepositoryProblem } from './registry/repository.js';

try {
  const app = await createApp();
  // The first signal ends it in order, with exit code 0; a second one at once. (Nest's own hooks would end it by the
  // signal, which a process manager reads as a failure.)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(app));
  const { HOST, PORT } = app.get(Settings);
  await app.listen(PORT, HOST);
  await app.get(Reconciler).settled();
  announce(app);
} catch (error) {
  for (const line of explain(error)) process.stderr.write(`nestor cannot start: ${line}\n`);
  process.exit(1);
}

async function stop(app: INestApplication): Promise<void> {
  await app.close();
  process.exit(0);
}

/** What keeps the service from starting, as plain lines. Only what nobody foresaw gets a stack trace. */
function explain(error: unknown): readonly string[] {
  if (error instanceof SettingsProblem) return error.problems;
  if (error instanceof RepositoryProblem) return [error.message];
  const { code } = error as NodeJS.ErrnoException;
  const { HOST = '127.0.0.1', PORT = '8000' } = process.env;
  if (code === 'EADDRINUSE') return [`port ${PORT} on ${HOST} is taken: stop what listens there, or set PORT`];
  if (code === 'EACCES') return [`port ${PORT} needs more rights: set PORT to 1024 or above`];
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return [`HOST ${HOST} is not an address of this machine`];
  return [error instanceof Error ? (error.stack ?? error.message) : firstLine(error)];
}
