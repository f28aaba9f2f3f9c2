import { type Server, type ServerOptions } from 'node:http';
import { type Settings } from '../config/settings.js';

/** How often connections are looked at whose time is up. */
const LOOK_EVERY_MS = 1000;
/**
 * How long an idle connection is kept. Whoever closes it first must be the client, or its next request may cross with
 * the close and be lost: balancers keep theirs for 60 s.
 */
const KEEP_ALIVE_MS = 75_000;
/** How long a client may take nothing of its answer. */
const STALLED_MS = 30_000;

/** How the HTTP server reads: strictly, whatever Node was told on its command line. */
export const SERVER_OPTIONS: ServerOptions = {
  insecureHTTPParser: false,
  maxHeaderSize: 16_384,
  // Of two headers of which there must be one, Node would take the first, and a proxy perhaps the last. Joined, they
  // are none that anybody takes.
  joinDuplicateHeaders: true,
  requireHostHeader: false, // Node's own answer has no body: `malformed` sees to it
  connectionsCheckingInterval: LOOK_EVERY_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
};

/**
 * Cuts slow clients off, who would else keep a connection and its memory for as long as they like: one whose request is
 * not there in time, headers and body together, and one that does not read its answer.
 */
export function limitServer(server: Server, { RECEIVE_TIMEOUT_MS, REQUEST_TIMEOUT_MS }: Settings): void {
  server.headersTimeout = RECEIVE_TIMEOUT_MS;
  server.requestTimeout = RECEIVE_TIMEOUT_MS;
  // Of a socket on which nothing moves, in either direction. A request that is being answered is such, too, and must
  // not be cut for that.
  server.timeout = Math.max(RECEIVE_TIMEOUT_MS, REQUEST_TIMEOUT_MS) + STALLED_MS;
}
