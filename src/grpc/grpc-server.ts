import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { lastArrivals } from '../common/last-arrivals.js';
import { Turns } from '../common/turns.js';
import { Settings } from '../config/settings.js';
import { ServerLimits } from '../http/server-limits.js';
import { HealthCalls } from './health-calls.js';
import { InferenceMethods } from './inference-methods.js';
import { type Serving } from './serving.js';
import { Surroundings } from './surroundings.js';

/**
 * How long connections stay open, once no more are taken: a call that was sent before its client could know has arrived
 * by then, and is answered.
 */
const LAST_CALL_MS = 1000;

/**
 * The port for gRPC. It is opened with that for HTTP; what serves it is loaded when the first client connects, so that a
 * service without one pays neither time nor memory for it.
 */
@Injectable()
export class GrpcServer implements BeforeApplicationShutdown {
  private readonly listener = createServer({ noDelay: true }, (socket) => {
    this.take(socket);
  });
  private readonly sockets = new Set<Socket>();
  private readonly turns = new Turns();
  private serving: Promise<Serving> | undefined;
  private onLast: (() => void) | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly methods: InferenceMethods,
    private readonly healthCalls: HealthCalls,
    private readonly surroundings: Surroundings,
    private readonly logger: PinoLogger,
    limits: ServerLimits,
  ) {
    limits.boundConnections(this.listener);
  }

  /** Where it listens; undefined while it does not. */
  get address(): AddressInfo | undefined {
    return (this.listener.address() as AddressInfo | null) ?? undefined;
  }

  /** @throws Error of the system, as when the port is taken */
  open(): Promise<void> {
    return this.turns.take(async () => {
      if (this.listener.listening) return;
      this.listener.listen(this.settings.GRPC_PORT, this.settings.HOST);
      await once(this.listener, 'listening').catch((error: unknown) => {
        throw Object.assign(error as Error, { setting: 'GRPC_PORT' });
      });
    });
  }

  /** Takes no more connections. Those that are there are served, and their clients asked to make others. */
  close(): Promise<void> {
    return this.turns.take(async () => {
      if (!this.listener.listening) return;
      this.listener.close();
      (await this.loaded())?.askToLeave();
    });
  }

  /** Closes, and resolves once each call that has arrived is answered and no connection is left. */
  async drain(): Promise<void> {
    if (this.listener.listening) await lastArrivals(this.listener);
    await this.close();
    const gone = new Promise<void>((resolve) => {
      if (this.sockets.size === 0) resolve();
      else this.onLast = resolve;
    });
    await Promise.race([gone, sleep(LAST_CALL_MS)]);
    (await this.loaded())?.end();
    await gone;
  }

  /** Cuts every connection off. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Where nobody has done so before. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.drain();
  }

  private take(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined); // its end says enough
    socket.once('close', () => {
      this.sockets.delete(socket);
      if (this.sockets.size === 0) this.onLast?.();
    });
    this.serving ??= this.load();
    this.serving.then(
      (serving) => {
        if (!socket.destroyed) serving.take(socket);
      },
      () => socket.destroy(),
    );
  }

  /** What serves, where somebody has connected so far. */
  private async loaded(): Promise<Serving | undefined> {
    return this.serving?.catch(() => undefined);
  }

  private async load(): Promise<Serving> {
    try {
      const { Serving } = await import('./serving.js');
      return new Serving(this.settings, this.methods, this.healthCalls, this.surroundings);
    } catch (err) {
      this.serving = undefined;
      this.logger.error({ err }, 'grpc_not_loaded');
      throw err;
    }
  }
}
