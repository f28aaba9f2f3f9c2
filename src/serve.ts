import { type NestExpressApplication } from '@nestjs/platform-express';
import { announce } from './announce.js';
import { SettingsProblem } from './config/read-settings.js';
import { Settings } from './config/settings.js';
import { createApp } from './create-app.js';
import { InferenceEngine } from './inference/engine.js';
import { RequestObserver } from './logging/request-observer.js';
import { Reconciler } from './registry/reconciler.js';
import { RepositoryProblem } from './registry/repository.js';

/** How long runs that nobody waits for any more may take to end, once every connection is cut. */
const LAST_RUNS_MS = 2000;

const stopping = new AbortController();
let app: NestExpressApplication | undefined;

try {
  app = await createApp();
  const created = app;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(created));
  const { HOST, PORT } = app.get(Settings);
  await app.listen(PORT, HOST);
  await app.get(Reconciler).settled();
  if (!stopping.signal.aborted) announce(app);
} catch (error) {
  for (const line of explain(error)) process.stderr.write(`nestor cannot start: ${line}\n`);
  await app?.close(); // a first load may be under way
  process.exit(1);
}

/**
 * The first signal ends the service in order, with exit code 0; a second one at once. (Nest's own hooks would end it by
 * the signal, which a process manager reads as a failure.)
 */
async function stop(app: NestExpressApplication): Promise<void> {
  if (stopping.signal.aborted) endNow(app);
  stopping.abort();
  const server = app.getHttpServer();
  const observer = app.get(RequestObserver);
  setTimeout(() => {
    observer.isCuttingOff = true;
    server.closeAllConnections();
    setTimeout(endNow, LAST_RUNS_MS, app).unref();
  }, app.get(Settings).SHUTDOWN_TIMEOUT_MS).unref();
  await app.close();
  // Sockets that were cut off tell so at the end of this turn of the event loop, and their requests are logged then.
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  process.exit(0);
}

/** An ordinary exit would wait for the run that a thread is in the middle of, and then abort the process. */
function endNow(app: NestExpressApplication): void {
  if (!app.get(InferenceEngine).isBusy) process.exit(1);
  process.emit('exit', 1); // writes what is left of the log
  process.kill(process.pid, 'SIGKILL');
}

/** What keeps the service from starting, as plain lines. Only what nobody foresaw gets a stack trace. */
function explain(error: unknown): readonly string[] {
  if (error instanceof SettingsProblem) return error.problems;
  if (error instanceof RepositoryProblem) return [error.message];
  const { code, address, port, message, stack } = error as Error & { code?: string; address?: string; port?: number };
  const where = `${address ?? 'HOST'}:${port ?? 'PORT'}`;
  if (code === 'EADDRINUSE') return [`${where} is taken: stop what listens there, or set PORT`];
  if (code === 'EACCES' && port !== undefined) return [`${where} needs more rights: set PORT to 1024 or above`];
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return [`${where} is not an address of this machine: set HOST`];
  return [stack ?? message];
}
