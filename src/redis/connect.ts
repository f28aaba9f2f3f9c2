import { Redis as Client } from 'ioredis';
import { within } from '../common/within.js';
import { answerWithin } from './answer.js';

/** Stands before each key: other programs may use the same database. */
const KEY_PREFIX = 'nestor:';
/** Milliseconds until a connection must be made and its password taken. */
const CONNECT_MS = 2000;
/** Milliseconds that a server has to close a connection that was ended, before it is cut. */
const DISCONNECT_MS = 100;

/**
 * One connection, which has answered once. It is not made again by itself, and keeps no command for later: whatever is
 * asked of it fails as soon as it is lost.
 *
 * @throws Error of the system, of TLS or of the server; Late
 */
export async function connect(url: string, answerMs: number): Promise<Client> {
  const client = new Client(url, {
    keyPrefix: KEY_PREFIX,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false, // PING tells, too, whether it is still loading its data
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    connectTimeout: CONNECT_MS,
    disconnectTimeout: DISCONNECT_MS,
  });
  // `connect` itself says only that the connection is closed, and goes on where a database of that number is refused.
  let problem: Error | undefined;
  client.on('error', (error: Error) => (problem ??= error));
  try {
    await within(CONNECT_MS, client.connect());
    if (problem) throw problem;
    await answerWithin(answerMs, client.ping());
    return client;
  } catch (error) {
    client.disconnect();
    throw problem ?? error;
  }
}
