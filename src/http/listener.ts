import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { lastArrivals } from '../common/last-arrivals.js';
import { Turns } from '../common/turns.js';

/**
 * How long a connection stays open on which nothing happens, once no more are taken: a request that was sent before its
 * client could know has arrived by then, and is answered.
 */
const LAST_REQUEST_MS = 1000;

/** What Node keeps on a socket: the answer under way. */
interface ServedSocket extends Socket {
  _httpMessage?: ServerResponse | null;
}

/** The port of the service: opens it, and closes it without losing what has arrived. */
export class Listener {
  private readonly sockets = new Set<ServedSocket>();
  private isOpen = false;
  private readonly turns = new Turns();
  private onLast: (() => void) | undefined;

  constructor(
    private readonly server: Server,
    private readonly port: number,
    private readonly host: string,
  ) {
    server.on('connection', (socket: ServedSocket) => {
      this.sockets.add(socket);
      socket.once('close', () => {
        this.sockets.delete(socket);
        if (this.sockets.size === 0) this.onLast?.();
      });
    });
  }

  /** @throws Error of the system, as when the port is taken */
  open(): Promise<void> {
    return this.turns.take(async () => {
      if (this.isOpen) return;
      this.server.off('request', askToLeave);
      this.server.listen(this.port, this.host);
      await once(this.server, 'listening');
      this.isOpen = true;
    });
  }

  /** Takes no more connections. Those that are there are served, and each answer asks its client to make another one. */
  close(): Promise<void> {
    return this.turns.take(() => {
      if (!this.isOpen) return;
      this.isOpen = false;
      this.server.prependListener('request', askToLeave);
      for (const { _httpMessage: answer } of this.sockets) if (answer) answer.shouldKeepAlive = false;
      // The HTTP server's own would cut off idle connections at once, though a request may be on its way on them.
      NetServer.prototype.close.call(this.server);
    });
  }

  /** Closes, and resolves once each request that has arrived is answered and no connection is left. */
  async drain(): Promise<void> {
    // Before clients are asked to leave: they would come back at once, one after the other.
    if (this.isOpen) await lastArrivals(this.server);
    await this.close();
    const sweeping = setInterval(() => {
      // After this turn has read what has arrived.
      setImmediate(() => {
        this.sweep();
      });
    }, LAST_REQUEST_MS);
    if (this.sockets.size > 0) await new Promise<void>((resolve) => (this.onLast = resolve));
    clearInterval(sweeping);
  }

  /** Cuts every connection off. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private sweep(): void {
    for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    // Node takes a connection for idle as soon as its answer is complete, though a slow reader has not got it all.
    const isWriting = [...this.sockets].some(({ _httpMessage: answer }) => answer?.writableEnded);
    if (!isWriting) this.server.closeIdleConnections();
  }
}

/** Adds `Connection: close` to the answer. */
function askToLeave(_request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false;
}
