import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { lastArrivals } from './last-arrivals.js';

const CLIENTS = 50;
/** Connects many times at once, on a thread of its own, and tells how many were answered. */
const CONNECTING = `
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, count } } = require('node:worker_threads');
  let [answered, ended] = [0, 0];
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1', () => socket.write('?'));
    socket.on('data', () => answered++);
    socket.on('error', () => undefined);
    socket.on('close', () => ++ended === count && parentPort.postMessage(answered));
  }
  parentPort.postMessage('connecting');
`;

describe('lastArrivals', () => {
  it('those that have connected are accepted before the port closes', async () => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end('!'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const clients = new Worker(CONNECTING, { eval: true, workerData: { port, count: CLIENTS } });
    await once(clients, 'message');
    const answered = once(clients, 'message');
    const busyUntil = performance.now() + 100;
    while (performance.now() < busyUntil); // meanwhile they connect
    await lastArrivals(server);
    server.close();
    expect(await answered).toEqual([CLIENTS]);
    await clients.terminate();
  });

  it('does not wait for ever where they keep arriving', async () => {
    const server = createServer();
    const arriving = setInterval(() => server.emit('connection'), 1);
    const asked = performance.now();
    await lastArrivals(server);
    clearInterval(arriving);
    expect(performance.now() - asked).toBeLessThan(5_000);
    expect(server.listenerCount('connection')).toBe(0);
  });
});
