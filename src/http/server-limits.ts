import { type Server, type ServerOptions } from 'node:http';
import { type Server as NetServer } from 'node:net';
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { IncomingRequest } from './incoming-request.js';

/** How often connections are looked at whose time is up. */
const LOOK_EVERY_MS = 1000;
/**
 * How long an idle connection is kept. Whoever closes it first must be the client, or its next request may cross with
 * the close and be lost: balancers keep theirs for 60 s.
 */
const KEEP_ALIVE_MS = 75_000;
/** How long a client may take nothing of its answer. */
const STALLED_MS = 30_000;
/** Milliseconds between two lines of the log about connections that are refused. */
const REFUSAL_EVERY_MS = 60_000;

/** How the HTTP server reads: strictly, whatever Node was told on its command line. */
export const SERVER_OPTIONS: ServerOptions<typeof IncomingRequest> = {
  insecureHTTPParser: false,
  maxHeaderSize: 16_384,
  // Of two headers of which there must be one, Node would take the first, and a proxy perhaps the last. Joined, they
  // are none that anybody takes.
  joinDuplicateHeaders: true,
  requireHostHeader: false, // Node's own answer has no body: `malformed` sees to it
  connectionsCheckingInterval: LOOK_EVERY_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  IncomingMessage: IncomingRequest,
};

/**
 * Bounds what clients may hold of the server: each connection takes 15 KB and a file descriptor, without which no model
 * can be loaded.
 */
@Injectable()
export class ServerLimits {
  private lastRefusal = -Infinity;

  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {}

  /** To be put in force before the server listens. */
  bound(server: Server): void {
    const { RECEIVE_TIMEOUT_MS, REQUEST_TIMEOUT_MS } = this.settings;
    server.headersTimeout = RECEIVE_TIMEOUT_MS;
    server.requestTimeout = RECEIVE_TIMEOUT_MS; // headers and body together
    // Cuts a connection on which nothing moves in either direction: its client does not read. A request that is being
    // answered is silent, too, and must not be cut for that.
    server.timeout = Math.max(RECEIVE_TIMEOUT_MS, REQUEST_TIMEOUT_MS) + STALLED_MS;
    this.boundConnections(server);
  }

  /** Bounds the connections of a port. To be put in force before it is listened on. */
  boundConnections(server: NetServer): void {
    server.maxConnections = this.settings.MAX_CONNECTIONS;
    Object.assign(server, { dropMaxConnection: true }); // or workers that are full would pass it round for ever
    server.on('drop', () => {
      this.tell();
    });
  }

  private tell(): void {
    this.metrics.connectionsRefused.inc();
    const now = performance.now();
    if (now - this.lastRefusal < REFUSAL_EVERY_MS) return;
    this.lastRefusal = now;
    this.logger.warn(
      `There are ${this.settings.MAX_CONNECTIONS} connections, as MAX_CONNECTIONS says: more are refused`,
    );
  }
}
