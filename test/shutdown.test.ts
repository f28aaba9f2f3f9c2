import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Crowd, type Question } from './support/crowd.js';
import { ModelFolder, SHIPPED } from './support/model-folder.js';
import { linearModel } from './support/onnx.js';
import { ServiceProcess } from './support/process.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE } from './support/slow-models.js';

// Starts and stops many processes, on machines that do other things too.
jest.setTimeout(120_000);
const CLIENTS = 200;
let count = 0;

/** A run takes a hundredth of a millisecond. */
const short = (): Question => {
  const a = ++count;
  return { path: '/v1/models/short/predict', body: { a }, answers: ({ prediction }) => prediction === a };
};

/** A run takes some milliseconds, on a thread. */
const slow = (): Question => {
  const n = 2000 + (++count % 1000);
  const answers = ({ prediction }: { prediction?: number }) => prediction === 10 * n;
  return { path: '/v1/models/slow/predict', body: { n: [n] }, answers };
};

describe('SIGTERM', () => {
  let folder: ModelFolder;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'short/1/model.onnx': linearModel([1]),
      'short/1/signature.yaml':
        'features: {type: object, required: [a], properties: {a: {type: number}}}\noutput: {task: regression}\n',
      'short/model.yaml': 'primary: true\n',
      'slow/1/model.onnx': COUNTDOWN,
      'slow/1/signature.yaml': COUNTDOWN_SIGNATURE,
    });
  });
  afterAll(() => folder.remove());
  let service: ServiceProcess;
  afterEach(async () => {
    service.signal('SIGKILL');
    await service.exit();
  });

  it.each([
    ['short', short, 1],
    ['short', short, 2],
    ['short', short, 3],
    ['slow', slow, 1],
    ['slow', slow, 2],
  ])('while 200 clients ask a %s model: each one is answered to the last (%#)', async (_, question) => {
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, LOG_REQUESTS: 'off' });
    const crowd = new Crowd(await service.url(), { clients: CLIENTS, question, comesBack: false });
    await crowd.allServed();
    await sleep(Math.random() * 50);
    expect(await service.stop()).toBe(0);
    await crowd.left();
    expect(crowd.lost).toEqual([]);
    expect(crowd.askedToLeave).toBe(CLIENTS);
    expect(service.stderr).toBe('');
  });

  it('SHUTDOWN_DELAY_MS: not ready, but alive, and predicts until it is over', async () => {
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, SHUTDOWN_DELAY_MS: '3000' });
    const url = await service.url();
    const status = async (path: string) => (await fetch(url + path)).status;
    expect(await status('/health/ready')).toBe(200);
    const ended = service.stop();
    while ((await status('/health/ready')) === 200) await sleep(5);
    const ready = await fetch(`${url}/health/ready`);
    expect(await ready.json()).toMatchObject({
      status: 'error',
      error: { staying: { status: 'down', message: 'draining: the service is about to stop' } },
    });
    expect([await status('/health/live'), await status('/health/startup')]).toEqual([200, 200]);
    const crowd = new Crowd(url, { clients: 5, question: short, comesBack: false });
    await crowd.left();
    expect(crowd.lost).toEqual([]);
    expect(crowd.answered).toBeGreaterThan(5);
    expect(await ended).toBe(0);
  });

  it('a request that is on its way on an idle connection is answered, and the connection closed', async () => {
    service = await ServiceProcess.start({ MODELS_DIR: folder.path });
    const { port } = new URL(await service.url());
    const request = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';
    const [used, fresh, silent] = [1, 2, 3].map(() => connect(Number(port), '127.0.0.1'));
    if (!used || !fresh || !silent) throw new Error('no connection');
    used.write(request);
    await once(used, 'data');
    for (const client of [fresh, silent]) if (client.connecting) await once(client, 'connect');
    await sleep(100);
    const ended = service.stop();
    await sleep(200);
    for (const client of [used, fresh]) {
      client.write(request);
      const [data] = (await once(client, 'data')) as [Buffer];
      expect(data.toString()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n/);
    }
    silent.resume();
    await once(silent, 'end'); // closed, not reset
    expect(await ended).toBe(0);
  });

  const itOnLinux = process.platform === 'linux' ? it : it.skip;
  itOnLinux('at any moment of the start: exit code 0, and not a word of trouble', async () => {
    for (let round = 0; round < 10; round++) {
      service = await ServiceProcess.start({ MODELS_DIR: SHIPPED });
      await service.handlesSignals();
      const delay = Math.random() * 1500;
      await sleep(delay);
      expect([await service.stop(), service.stderr, delay]).toEqual([0, '', delay]);
    }
  });
});
