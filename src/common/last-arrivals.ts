import { type Server } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** None must have arrived for so long, and for so many turns of the event loop, which may be longer. */
const QUIET_MS = 20;
const QUIET_TURNS = 4;
/** Where they keep arriving, it is not waited for longer. */
const MOST_MS = 200;

/**
 * Waits until no connection has arrived for a moment: the time to close a port. What its clients take for connected waits
 * with the system, is accepted one in a turn of the event loop, and is reset with all that was sent on it when the
 * port closes: of 50 that came during a turn of 100 ms, all were.
 */
export async function lastArrivals(server: Server): Promise<void> {
  let arrived = 0;
  const count = () => {
    arrived++;
  };
  server.on('connection', count);
  const end = performance.now() + MOST_MS;
  let before: number;
  do {
    before = arrived;
    await sleep(QUIET_MS);
    for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise(setImmediate);
  } while (arrived > before && performance.now() < end);
  server.off('connection', count);
}
