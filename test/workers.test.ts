import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Crowd, type Question } from './support/crowd.js';
import { ModelFolder } from './support/model-folder.js';
import { linearModel } from './support/onnx.js';
import { until } from './support/until.js';
import { ServiceProcess } from './support/process.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE } from './support/slow-models.js';

// Starts and stops many processes, on machines that do other things too.
jest.setTimeout(120_000);
let count = 0;
/** Every other request goes to a model whose runs take some milliseconds on a thread. */
const either = (): Question => {
  const a = ++count;
  if (a % 2 === 0)
    return { path: '/v1/models/short/predict', body: { a }, answers: ({ prediction }) => prediction === a };
  const n = 1000 + (a % 999);
  const answers = ({ prediction }: { prediction?: number }) => prediction === 10 * n;
  return { path: '/v1/models/slow/predict', body: { n: [n] }, answers };
};

describe('WORKERS', () => {
  let folder: ModelFolder;
  let service: ServiceProcess;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'short/1/model.onnx': linearModel([1]),
      'short/1/signature.yaml':
        'features: {type: object, required: [a], properties: {a: {type: number}}}\noutput: {task: regression}\n',
      'short/model.yaml': 'primary: true\n',
      'two/1/model.onnx': linearModel([1]),
      'two/2/model.onnx': linearModel([2]),
      'slow/1/model.onnx': COUNTDOWN,
      'slow/1/signature.yaml': COUNTDOWN_SIGNATURE,
    });
  });
  afterAll(() => folder.remove());
  afterEach(async () => {
    service.signal('SIGKILL');
    await service.exit();
  });

  async function start(environment: Record<string, string> = {}, cwd?: string): Promise<string> {
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, WORKERS: '2', ...environment }, cwd);
    return service.url();
  }

  /** Asks once over a connection of its own. */
  async function fetchText(url: string): Promise<string> {
    const agent = new Agent();
    const [response] = (await once(get(url, { agent }), 'response')) as [Parameters<typeof text>[0]];
    return text(response);
  }

  async function metric(url: string, name: string): Promise<number> {
    const page = await fetchText(`${url}/metrics`);
    const line = page.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  const answered = 'nestor_http_requests_total{method="POST",route="/v1/models/:model/predict",status="200"}';
  const lines = (msg: string) => service.log.filter((line) => line.msg === msg);

  async function seen(isThere: () => boolean): Promise<void> {
    while (!isThere()) await sleep(20);
  }

  function isRunning(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  it('serve on one port as one service: one announcement, one log, one page of metrics', async () => {
    const url = await start();
    // It is announced by the first; a worker reads a folder as new as this one a second later.
    for (const model of ['short', 'slow']) {
      const loads = `nestor_model_loads_total{model="${model}",version="1",result="ready"}`;
      await until(async () => (await metric(url, loads)) === 2);
    }
    await until(async () => (await metric(url, 'nestor_workers{state="serving"}')) === 2);
    const crowd = new Crowd(url, { clients: 20, question: either, comesBack: true });
    await crowd.allServed();
    await crowd.stop();
    expect(crowd.lost).toEqual([]);
    expect(await metric(url, answered)).toBe(crowd.answered);
    // One whose news of being ready comes half a second after the other's is closed for that time.
    await until(async () => (await metric(url, 'nestor_workers{state="serving"}')) === 2);
    const page = await fetchText(`${url}/metrics`);
    for (const line of [
      `nestor_http_request_duration_seconds_count{method="POST",route="/v1/models/:model/predict"} ${crowd.answered}`,
      'nestor_model_state{model="short",version="1",state="READY"} 1',
      'nestor_model_loads_total{model="short",version="1",result="ready"} 2',
      'nestor_workers{state="serving"} 2',
      'nestor_workers_silent 0',
    ]) {
      expect(page).toContain(`${line}\n`);
    }
    expect(page).toMatch(/^process_start_time_seconds \d+/m);
    expect(await service.stop()).toBe(0);
    expect(service.log.filter(({ msg }) => String(msg).startsWith('Listening on http'))).toHaveLength(1);
    const workers = lines('request_completed').map(({ worker }) => worker);
    expect(new Set(workers)).toEqual(new Set([1, 2]));
    expect(service.stderr).toBe('');
  });

  it('get the connections in turn', async () => {
    const url = await start();
    const agent = new Agent({ keepAlive: true });
    for (let i = 0; i < 20; i++) {
      const [response] = (await once(
        get(`${url}/v1/models`, { agent: new Agent({ keepAlive: true }) }),
        'response',
      )) as [Parameters<typeof text>[0]];
      await text(response);
    }
    agent.destroy();
    await service.stop();
    const workers = lines('request_completed').map(({ worker }) => worker);
    expect(workers.filter((worker) => worker === 1)).toHaveLength(10);
  });

  it.each(['SIGSEGV', 'SIGKILL', 'SIGABRT'] as const)(
    'one that ends by %s is replaced, the others go on, and no counter goes down',
    async (signal) => {
      const url = await start();
      const crowd = new Crowd(url, { clients: 10, question: either, comesBack: false });
      await crowd.allServed();
      await crowd.stop();
      const before = await metric(url, answered);
      expect(before).toBe(crowd.answered);
      const [victim = 0, other = 0] = await service.childPids();
      process.kill(victim, signal);
      // One of these is on its way to the victim when it ends.
      const meanwhile = await Promise.all(Array.from({ length: 6 }, () => fetchText(`${url}/health/live`)));
      expect(new Set(meanwhile)).toEqual(new Set(['{"status":"ok"}']));
      await seen(() => lines('worker_died').length > 0);
      expect(lines('worker_died')).toEqual([expect.objectContaining({ level: 'error', signal })]);
      const after = new Crowd(url, { clients: 10, question: either, comesBack: false });
      await after.allServed();
      await after.stop();
      expect(after.lost).toEqual([]);
      expect(await metric(url, answered)).toBe(before + after.answered);
      while ((await metric(url, 'nestor_workers{state="serving"}')) < 2) await sleep(50);
      expect(await metric(url, answered)).toBe(before + after.answered);
      expect(await metric(url, 'nestor_worker_ends_total{reason="died"}')).toBe(1);
      expect(await service.childPids()).toContain(other);
      expect(await service.stop()).toBe(0);
    },
  );

  it('end when the primary is killed', async () => {
    await start();
    const pids = await service.childPids();
    expect(pids).toHaveLength(2);
    service.signal('SIGKILL');
    await seen(() => !pids.some(isRunning));
  });

  it('what an operator decides is in force in all of them once it is answered, and in new ones', async () => {
    const url = await start();
    const admin = async (method: string, path: string, body?: object) => {
      const headers = { 'Content-Type': 'application/json' };
      const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
      expect(answer.status).toBe(200);
    };
    const everywhere = async () => {
      const answers = await Promise.all(Array.from({ length: 6 }, () => fetchText(`${url}/v1/models/two`)));
      return [...new Set(answers.map((answer) => {
        const { default_version: name, versions } = JSON.parse(answer) as { default_version: string; versions: { state: string }[] };
        return [name, ...versions.map(({ state }) => state)].join(' ');
      }))]; // prettier-ignore
    };
    for (let round = 0; round < 5; round++) {
      await admin('PUT', '/v1/models/two/default', { version: '1' });
      expect(await everywhere()).toEqual(['1 READY READY']);
      await admin('POST', '/v1/models/two/versions/2/unload');
      expect((await everywhere()).map((one) => one.split(' ').sort().join(' '))).toEqual(['1 READY UNLOADED']);
      await admin('POST', '/v1/models/two/versions/2/load');
      expect(await everywhere()).toEqual(['1 READY READY']);
      await admin('DELETE', '/v1/models/two/default');
      expect(await everywhere()).toEqual(['2 READY READY']);
    }
    await admin('PUT', '/v1/models/two/default', { version: '1' });
    const [victim = 0] = await service.childPids();
    process.kill(victim, 'SIGKILL');
    while ((await metric(url, 'nestor_worker_ends_total{reason="died"}')) < 1) await sleep(50);
    while ((await metric(url, 'nestor_workers{state="serving"}')) < 2) await sleep(50);
    expect(await everywhere()).toEqual(['1 READY READY']);
  });

  it('SIGHUP restarts them one by one: no request is lost, and each answer is right', async () => {
    const url = await start({ LOG_REQUESTS: 'off' });
    const before = await service.childPids();
    const crowd = new Crowd(url, { clients: 100, question: either, comesBack: true });
    await crowd.allServed();
    for (let round = 1; round <= 2; round++) {
      service.signal('SIGHUP');
      await seen(() => lines('restart_done').length === round);
    }
    await crowd.stop();
    expect(crowd.lost).toEqual([]);
    const after = await service.childPids();
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    expect(await metric(url, answered)).toBe(crowd.answered);
    expect(await service.stop()).toBe(0);
    expect(service.stderr).toBe('');
  });

  it('SIGHUP has them read .env again; where that is wrong, the old ones go on, and the log says why', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'nestor-cwd-'));
    const url = await start({}, cwd);
    await writeFile(join(cwd, '.env'), 'MAX_BATCH_SIZE=many\n');
    const before = await service.childPids();
    service.signal('SIGHUP');
    await seen(() => lines('restart_given_up').length > 0);
    expect(lines('restart_given_up')).toEqual([
      expect.objectContaining({ level: 'error', reason: 'MAX_BATCH_SIZE must be a whole number from 1 to 1000000' }),
    ]);
    expect(await service.childPids()).toEqual(before);
    await writeFile(join(cwd, '.env'), 'MAX_BATCH_SIZE=1\n');
    service.signal('SIGHUP');
    await seen(() => lines('restart_done').length > 0);
    const body = JSON.stringify({ requests: [{ a: 1 }, { a: 2 }] });
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`${url}/v1/models/short/predict/batch`, { method: 'POST', body, headers });
    expect(await answer.json()).toMatchObject({ errors: [{ message: 'must hold at most 1 rows' }] });
  });

  it('SIGTERM while clients ask: each one is answered to the last', async () => {
    for (let round = 0; round < 3; round++) {
      const url = await start({ LOG_REQUESTS: 'off' });
      const crowd = new Crowd(url, { clients: 200, question: either, comesBack: false });
      await crowd.allServed();
      expect(await service.stop()).toBe(0);
      await crowd.left();
      expect(crowd.lost).toEqual([]);
      expect(service.stderr).toBe('');
    }
  });

  it('SIGTERM at any moment of the start: exit code 0, and nobody is left', async () => {
    for (let round = 0; round < 6; round++) {
      service = await ServiceProcess.start({ MODELS_DIR: folder.path, WORKERS: '2' });
      await service.handlesSignals();
      const delay = Math.random() * 2500;
      await sleep(delay);
      const pids = await service.childPids();
      expect([await service.stop(), service.stderr, delay]).toEqual([0, '', delay]);
      expect(pids.filter(isRunning)).toEqual([]);
    }
  });

  it('a second SIGTERM ends them at once', async () => {
    const url = await start();
    const pids = await service.childPids();
    const body = JSON.stringify({ n: [200_000_000] });
    const headers = { 'Content-Type': 'application/json' };
    void fetch(`${url}/v1/models/slow/predict`, { method: 'POST', body, headers }).catch(() => undefined);
    await seen(() => lines('request_started').length > 0);
    service.signal('SIGTERM');
    await sleep(200);
    service.signal('SIGTERM');
    expect(await service.exit()).toBe(1);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(service.stderr).toBe('');
  });

  it('one whose event loop stands still is replaced; meanwhile its counters are shown as they were', async () => {
    const url = await start({ STUCK_AFTER_MS: '4000' });
    const crowd = new Crowd(url, { clients: 10, question: either, comesBack: false });
    await crowd.allServed();
    await crowd.stop();
    const before = await metric(url, answered);
    const [victim = 0] = await service.childPids();
    process.kill(victim, 'SIGSTOP');
    // The first connection that it gets in turn stays with it.
    const stays = get(`${url}/health/live`, { agent: new Agent() }).on('error', () => undefined);
    await sleep(50);
    const other = get(`${url}/health/live`, { agent: new Agent() }).on('error', () => undefined);
    await sleep(50);
    expect(await metric(url, 'nestor_workers_silent')).toBe(1);
    expect(await metric(url, answered)).toBe(before);
    await seen(() => lines('worker_silent').length > 0);
    await seen(() => lines('worker_died').length > 0);
    while ((await metric(url, 'nestor_workers{state="serving"}')) < 2) await sleep(50);
    expect(await metric(url, 'nestor_workers_silent')).toBe(0);
    expect(await metric(url, answered)).toBe(before);
    stays.destroy();
    other.destroy();
    expect(await service.stop()).toBe(0);
  });

  it('one that is not ready gets no connections while another is', async () => {
    const url = await start({ STUCK_AFTER_MS: '2000' });
    const body = JSON.stringify({ n: [200_000_000] });
    const headers = { 'Content-Type': 'application/json' };
    void fetch(`${url}/v1/models/slow/predict`, { method: 'POST', body, headers }).catch(() => undefined);
    while ((await metric(url, 'nestor_workers{state="serving"}')) === 2) await sleep(20);
    for (let i = 0; i < 10; i++) expect(await fetchText(`${url}/health/ready`)).toMatch(/^{"status":"ok"/);
  });

  it('one in which a run does not end is replaced', async () => {
    const url = await start({ STUCK_AFTER_MS: '300', SHUTDOWN_TIMEOUT_MS: '500' });
    // Files that are new, as where this test runs alone, are left alone for a second.
    await seen(() => lines('version_ready').filter(({ model }) => model === 'slow').length === 2);
    const body = JSON.stringify({ n: [200_000_000] });
    const headers = { 'Content-Type': 'application/json' };
    void fetch(`${url}/v1/models/slow/predict`, { method: 'POST', body, headers }).catch(() => undefined);
    await seen(() => lines('worker_stuck').length > 0);
    const pids = await service.childPids();
    while ((await metric(url, 'nestor_worker_ends_total{reason="stuck"}')) < 1) await sleep(50);
    while ((await metric(url, 'nestor_workers{state="leaving"}')) > 0) await sleep(50);
    expect(await metric(url, 'nestor_workers{state="serving"}')).toBe(2);
    expect(pids.filter(isRunning).length).toBeLessThan(pids.length);
  });

  it.each([
    ['a setting that is wrong', { DOCS: 'maybe' }, 'DOCS must be true or false'],
    ['no models', { MODELS_DIR: '/nowhere' }, 'MODELS_DIR /nowhere does not exist'],
  ])('%s: one line, exit code 1', async (_, environment, line) => {
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, WORKERS: '3', ...environment });
    expect(await service.exit()).toBe(1);
    expect(service.stderr).toBe(`nestor cannot start: ${line}\n`);
  });

  it('a port that is taken: one line, exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    service = await ServiceProcess.start({ MODELS_DIR: folder.path, WORKERS: '2', PORT: String(port) });
    expect(await service.exit()).toBe(1);
    expect(service.stderr).toBe(
      `nestor cannot start: 127.0.0.1:${port} is taken: stop what listens there, or set PORT\n`,
    );
    other.close();
  });

  it('SIGHUP to a service of one process restarts nothing, and says so', async () => {
    const url = await start({ WORKERS: '1' });
    expect(await service.childPids()).toEqual([]);
    service.signal('SIGHUP');
    await seen(() => service.log.some(({ msg }) => String(msg).startsWith('SIGHUP')));
    expect(await fetchText(`${url}/health/live`)).toBe('{"status":"ok"}');
    expect(await service.stop()).toBe(0);
  });
});
