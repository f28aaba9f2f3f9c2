import { setTimeout as sleep } from 'node:timers/promises';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Logger } from 'nestjs-pino';
import { announce } from './announce.js';
import { Settings } from './config/settings.js';
import { createApp } from './create-app.js';
import { explain } from './explain.js';
import { HealthService } from './health/health.service.js';
import { Listener } from './http/listener.js';
import { InferenceEngine } from './inference/engine.js';
import { RequestObserver } from './logging/request-observer.js';
import { ModelRegistry } from './registry/model-registry.js';
import { Reconciler } from './registry/reconciler.js';
import { handleSignals } from './signals.js';

/** How long runs that nobody waits for any more may take to end, once every connection is cut. */
const LAST_RUNS_MS = 2000;

let isStopping = false;
let app: NestExpressApplication | undefined;

try {
  app = await createApp();
  const created = app;
  const { HOST, PORT } = app.get(Settings);
  const listener = new Listener(app.getHttpServer(), PORT, HOST);
  handleSignals({
    stop: (isImpatient) => {
      if (isImpatient) endNow(created);
      void stop(created, listener);
    },
    restart: () => {
      created.get(Logger).warn('SIGHUP restarts worker processes one by one: there are none without WORKERS=2 or more');
    },
  });
  await app.init();
  if (!isStopping) await listener.open();
  await app.get(Reconciler).settled();
  if (!isStopping) announce(app);
} catch (error) {
  if (!isStopping) {
    for (const line of explain(error)) process.stderr.write(`nestor cannot start: ${line}\n`);
    await app?.close(); // a first load may be under way
    process.exit(1);
  }
}

/**
 * Ends the service in order, with exit code 0. (Nest's own hooks would end it by the signal, which a process manager
 * reads as a failure.)
 */
async function stop(app: NestExpressApplication, listener: Listener): Promise<void> {
  isStopping = true;
  const { SHUTDOWN_DELAY_MS, SHUTDOWN_TIMEOUT_MS } = app.get(Settings);
  app.get(HealthService).isDraining = true;
  // Those who send traffic here learn of it meanwhile. Before it has loaded its models there are none.
  if (app.get(ModelRegistry).isSettled) await sleep(SHUTDOWN_DELAY_MS);
  const observer = app.get(RequestObserver);
  setTimeout(() => {
    observer.isCuttingOff = true;
    listener.cut();
    setTimeout(endNow, LAST_RUNS_MS, app).unref();
  }, SHUTDOWN_TIMEOUT_MS).unref();
  await listener.drain();
  await app.close().catch(() => undefined); // a start that failed meanwhile leaves nothing to tell
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
