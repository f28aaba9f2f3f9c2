import { setTimeout as sleep } from 'node:timers/promises';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Logger } from 'nestjs-pino';
import { announce } from './announce.js';
import { type Link, link } from './cluster/link.js';
import { Settings } from './config/settings.js';
import { createApp } from './create-app.js';
import { explain } from './explain.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { HealthService } from './health/health.service.js';
import { Listener } from './http/listener.js';
import { InferenceEngine } from './inference/engine.js';
import { RequestObserver } from './logging/request-observer.js';
import { Metrics } from './metrics/metrics.js';
import { ModelRegistry } from './registry/model-registry.js';
import { Reconciler } from './registry/reconciler.js';
import { Siblings } from './security/limits/siblings.js';
import { handleSignals } from './signals.js';

/** How long runs that nobody waits for any more may take to end, once every connection is cut. */
const LAST_RUNS_MS = 2000;

/**
 * Starts the service in this process: alone, or as one of several workers.
 *
 * @throws SettingsProblem, RepositoryProblem, or what the system says of the port
 */
export async function serve(): Promise<void> {
  const service = new Service(await createApp());
  handleSignals({
    stop: (isImpatient) => {
      // A terminal sends its signals to the workers, too: the primary says what the second one means.
      if (isImpatient && !link) service.endNow();
      void service.stop(true);
    },
    restart: () => {
      if (!link) service.logger.warn('SIGHUP restarts workers one by one: there are none without WORKERS=2 or more');
    },
  });
  try {
    await service.start();
  } catch (error) {
    if (service.isStopping) return;
    await service.app.close(); // a first load may be under way
    throw error;
  }
}

/** The service in this process, from its start to its end. */
class Service {
  isStopping = false;
  readonly logger: Logger;
  private readonly listener: Listener;
  private readonly grpc: GrpcServer;
  private readonly settings: Settings;
  private readonly health: HealthService;

  constructor(readonly app: NestExpressApplication) {
    this.settings = app.get(Settings);
    this.logger = app.get(Logger);
    this.health = app.get(HealthService);
    this.listener = new Listener(app.getHttpServer(), this.settings.PORT, this.settings.HOST);
    this.grpc = app.get(GrpcServer);
  }

  async start(): Promise<void> {
    await this.app.init();
    if (link) {
      const tell = this.serveAsWorker(link);
      await this.app.get(Reconciler).settled();
      tell();
      return;
    }
    if (!this.isStopping) await this.open();
    await this.app.get(Reconciler).settled();
    if (!this.isStopping) announce(this.app);
  }

  /**
   * Ends the service in order, with exit code 0. (Nest's own hooks would end it by the signal, which a process manager
   * reads as a failure.)
   *
   * @param isForAll whether the whole service stops; else other workers go on, and nobody needs to be told
   */
  async stop(isForAll: boolean): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    if (isForAll) {
      this.health.isDraining = true;
      // Those who send traffic here learn of it meanwhile. Before it has loaded its models there are none.
      if (this.app.get(ModelRegistry).isSettled) await sleep(this.settings.SHUTDOWN_DELAY_MS);
    }
    const observer = this.app.get(RequestObserver);
    setTimeout(() => {
      observer.isCuttingOff = true;
      this.listener.cut();
      this.grpc.cut();
      setTimeout(() => {
        this.endNow();
      }, LAST_RUNS_MS).unref();
    }, this.settings.SHUTDOWN_TIMEOUT_MS).unref();
    await Promise.all([this.listener.drain(), this.grpc.drain()]);
    await this.app.close().catch(() => undefined); // a start that failed meanwhile leaves nothing to tell
    // Sockets that were cut off tell so at the end of this turn of the event loop, and their requests are logged then.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    if (link) {
      const counted = [await this.app.get(Metrics).figures(), this.app.get(ModelRegistry).statistics()] as const;
      await link.primary.ask('counted', [...counted]).catch(() => undefined);
    }
    process.exit(0);
  }

  /** An ordinary exit would wait for the run that a thread is in the middle of, and then abort the process. */
  endNow(): void {
    if (!this.app.get(InferenceEngine).isBusy) process.exit(1);
    process.emit('exit', 1); // writes what is left of the log
    process.kill(process.pid, 'SIGKILL');
  }

  /** Takes connections, over HTTP and gRPC. */
  private async open(): Promise<void> {
    await this.listener.open();
    await this.grpc.open();
  }

  private async openAsWorker(): Promise<void> {
    if (this.isStopping) return;
    try {
      await this.open();
    } catch (error) {
      await link?.primary.ask('failed', [explain(error)]).catch(() => undefined);
      this.endNow();
    }
  }

  private serveAsWorker(link: Link): () => void {
    return link.serve(
      {
        open: () => this.openAsWorker(),
        close: async () => {
          await Promise.all([this.listener.close(), this.grpc.close()]);
        },
        announce: () => {
          announce(this.app);
        },
        leave: () => void this.stop(false),
        end: () => {
          this.endNow();
        },
        adopt: (decided) => this.app.get(Reconciler).adopt(decided),
        figures: () => this.app.get(Metrics).figures(),
        countRows: (taken) => {
          this.app.get(Siblings).onTold(taken);
        },
        statistics: () => this.app.get(ModelRegistry).statistics(),
      },
      () => ({
        isSettled: this.app.get(ModelRegistry).isSettled,
        isReady: this.health.isReady && !this.isStopping,
        isStuck: this.health.isStuck,
      }),
    );
  }
}
