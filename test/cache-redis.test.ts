import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { sumOf } from './support/counted.js';
import { Crowd } from './support/crowd.js';
import { identityModel, linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { freePort } from './support/free-port.js';
import { pipelined } from './support/pipelined.js';
import { ServiceProcess } from './support/process.js';
import { command, type RedisServer, startRedis } from './support/redis.js';
import { Service } from './support/service.js';
import { until } from './support/until.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';
const LONG_SIGNATURE =
  'features: {type: object, required: [v], properties: {v: {type: array, items: {type: number}, examples: [[1]]}}}\ninputs: {v: v}\nbatching: on\n';
const KEYS = 'nestor:prediction:*';

const server = await startRedis();
afterAll(() => server?.remove());

(server ? describe : describe.skip)('replicas that share a Redis', () => {
  const redis = server as RedisServer;
  let folder: ModelFolder;
  let one: Service;
  let two: Service;
  let keys: Redis;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'm/1/model.onnx': linearModel([2]),
      'm/1/signature.yaml': SIGNATURE,
      'm/model.yaml': 'primary: true\ncache: {ttl: 2s}\n',
      'long/1/model.onnx': identityModel({ name: 'v', shape: ['N', 'W'] }),
      'long/1/signature.yaml': LONG_SIGNATURE,
      'long/model.yaml': 'cache: true\n',
    });
    const settings = { MODELS_DIR: folder.path, REDIS_URL: `${redis.url}/2` };
    // What answers is in doubt here, not how fast.
    const start = () => Service.start({ ...settings, REDIS_TIMEOUT_MS: '2000' });
    [one, two] = await Promise.all([start(), start()]);
    for (const service of [one, two])
      await until(async () => sumOf((await service.get('/metrics')).text, 'nestor_redis_up', {}) === 1);
    keys = new Redis(`${redis.url}/2`);
  });
  afterAll(async () => {
    keys.disconnect();
    for (const service of [one, two]) await service.stop();
    await folder.remove();
  });

  const ask = async (service: Service, a: number) => {
    const { status, json, headers } = await service.post('/predict', { a });
    return { status, says: json.prediction as number, cache: headers.get('x-cache'), age: headers.get('age') };
  };
  const counts = async (service: Service) => {
    const { text } = await service.get('/metrics');
    const of = (name: string, labels = {}) => sumOf(text, `nestor_cache_${name}_total`, { model: 'm', ...labels });
    return { memory: of('hits', { place: 'memory' }), redis: of('hits', { place: 'redis' }), misses: of('misses') };
  };
  /** Writes are not waited for. */
  const written = async (count: number) => {
    await until(async () => (await keys.keys(KEYS)).length === count);
    return keys.keys(KEYS);
  };

  it('one answers with what the other has predicted, and each asks Redis for it once', async () => {
    expect(await ask(one, 1)).toMatchObject({ says: 2, cache: 'miss' });
    await written(1);
    expect(await ask(two, 1)).toMatchObject({ says: 2, cache: 'hit', age: '0' });
    expect(await ask(two, 1)).toMatchObject({ says: 2, cache: 'hit' });
    expect(await counts(two)).toEqual({ memory: 1, redis: 1, misses: 0 });
  });

  it('the time of an answer is up for both at once, wherever it is kept', async () => {
    await ask(one, 2);
    const from = performance.now();
    await written(2);
    await sleep(1100);
    const old = await ask(two, 2);
    if (performance.now() - from < 1900) expect(old).toMatchObject({ cache: 'hit', age: '1' });
    await sleep(2100 - (performance.now() - from));
    expect([(await ask(two, 2)).cache, (await ask(one, 2)).cache]).toContain('miss');
    for (const key of await keys.keys(KEYS)) expect(await keys.pttl(key)).toBeLessThanOrEqual(2000);
  });

  it('a batch takes each row from where it is: memory, Redis, or a run', async () => {
    await keys.flushdb();
    const before = await counts(one);
    await ask(one, 10);
    await ask(two, 11);
    await written(2);
    const { json, headers } = await one.post('/predict/batch', { requests: [{ a: 12 }, { a: 11 }, { a: 10 }, { a: 12 }] }); // prettier-ignore
    const says = (json.predictions as { prediction: number }[]).map(({ prediction }) => prediction);
    expect([says, headers.get('x-cache'), headers.get('x-cache-hits')]).toEqual([[24, 22, 20, 24], 'miss', '2']);
    const after = await counts(one);
    expect(after).toEqual({ memory: before.memory + 1, redis: before.redis + 1, misses: before.misses + 2 });
    await written(3);
    expect((await two.post('/predict/batch', { requests: [{ a: 12 }, { a: 11 }] })).headers.get('x-cache')).toBe('hit');
  });

  it('what others left in its place is not believed', async () => {
    const junk = ['', 'null', '{}', '\u0000\u00ff', '{"made_at":1}', `[${'1,'.repeat(20_000)}1]`, '{"made_at":'];
    const old = JSON.stringify({
      made_at: 0,
      prediction: { prediction: 7, probability: null, prediction_class: null },
    });
    const thisYear = String(Date.now()).slice(0, 3);
    let a = 100;
    const expectDisbelief = async (spoil: (key: string) => Promise<unknown>) => {
      await keys.flushdb();
      await ask(one, ++a);
      const [key = ''] = await written(1);
      await spoil(key);
      expect(await ask(two, a)).toMatchObject({ status: 200, says: 2 * a, cache: 'miss' });
      await until(async () => String(await keys.get(key).catch(() => '')).startsWith(`{"made_at":${thisYear}`));
    };
    for (const value of [...junk, old]) await expectDisbelief((key) => keys.set(key, value));
    await expectDisbelief(async (key) => {
      await keys.del(key);
      await keys.lpush(key, 'of another type');
    });
  });

  it('large answers are kept in memory only', async () => {
    await keys.flushdb();
    const ask = async (length: number) => {
      const row = { v: Array.from({ length }, (_, index) => index) };
      return (await one.post('/v1/models/long/predict', row)).headers.get('x-cache');
    };
    expect([await ask(10_000), await ask(10_000), await ask(100)]).toEqual(['miss', 'hit', 'miss']);
    await written(1);
  });

  it('requests of the same turn are asked for, and kept, in one command each', async () => {
    await keys.flushdb();
    const calls = async () => {
      const text = String(await command(redis.url, 'info', 'commandstats'));
      return Number(/cmdstat_mget:calls=(\d+)/.exec(text)?.[1] ?? 0);
    };
    const before = await calls();
    const COUNT = 50;
    const rows = Array.from({ length: COUNT }, (_, index) => ({ a: 10_000 + index }));
    for (const answer of await pipelined(one.url, '/predict', rows)) expect(answer).toContain('X-Cache: miss');
    await written(COUNT);
    expect((await calls()) - before).toBe(1);
  });
});

(server ? describe : describe.skip)('a Redis that is not there, or not well', () => {
  const redis = server as RedisServer;
  const CLIENTS = 100;
  let folder: ModelFolder;
  let service: ServiceProcess | undefined;
  let url: string;
  beforeAll(async () => {
    folder = await ModelFolder.with({ 'm/1/model.onnx': linearModel([2]), 'm/1/signature.yaml': SIGNATURE });
  });
  afterEach(async () => {
    redis.thaw();
    await service?.stop();
  });
  afterAll(() => folder.remove());

  const start = async (settings: Record<string, string> = {}) => {
    service = await ServiceProcess.start({
      MODELS_DIR: folder.path,
      DATABASE_URL: 'sqlite::memory:',
      LOG_REQUESTS: 'off',
      REDIS_URL: redis.url,
      CACHE_MAX_ENTRIES: '500', // so that Redis is asked, too
      ...settings,
    });
    url = await service.url();
    return service;
  };
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  const isUp = async () => sumOf(await metrics(), 'nestor_redis_up', {}) === 1;
  const health = async () => {
    const answer = await fetch(`${url}/health/ready`);
    const { details } = (await answer.json()) as { details: { redis: { status: string } } };
    return [answer.status, details.redis.status];
  };
  const told = () => (service?.log ?? []).map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('Redis '));
  /** All that it says of Redis; the log is written now and then. */
  const tells = async (...lines: string[]) => {
    await until(() => told().length >= lines.length);
    expect(told()).toEqual(lines);
  };
  const crowd = () => {
    let next = 0;
    const question = () => {
      const a = next++ % 1000;
      return { path: '/predict/cached', body: { a }, answers: (json: Record<string, unknown>) => json.prediction === 2 * a }; // prettier-ignore
    };
    return new Crowd(url, { clients: CLIENTS, question, comesBack: false });
  };
  /** Has the crowd ask for a while, and says how many answers it had and how long they took. */
  const during = async (clients: Crowd, ms: number) => {
    const from = clients.delaysMs.length;
    await sleep(ms);
    const delays = clients.delaysMs.slice(from).sort((x, y) => x - y);
    return { answers: delays.length, middle: delays[Math.floor(delays.length / 2)] ?? Infinity, last: delays.at(-1) ?? Infinity }; // prettier-ignore
  };
  const timeouts = async () => sumOf(await metrics(), 'nestor_redis_failures_total', { kind: 'timeout' });

  it('is not waited for at the start, and used as soon as it is there', async () => {
    await redis.kill();
    await start();
    await until(async () => (await health())[1] === 'degraded');
    expect(await health()).toEqual([200, 'degraded']);
    const answer = await fetch(`${url}/predict/cached`, { method: 'POST', body: '{"a":1}', headers: { 'Content-Type': 'application/json' } }); // prettier-ignore
    expect([answer.status, answer.headers.get('x-cache')]).toEqual([200, 'miss']);
    await redis.start();
    await until(isUp);
    expect(await health()).toEqual([200, 'up']);
    await tells(
      `Redis ${redis.url} is away (connection refused): it is done without, and tried again`,
      `Redis ${redis.url} is back`,
    );
  });

  it('killed and started again: nobody notices but for the log and the metrics', async () => {
    await start();
    await until(isUp);
    const clients = crowd();
    await clients.allServed();
    await redis.kill();
    await during(clients, 1000);
    expect(await isUp()).toBe(false);
    expect(await health()).toEqual([200, 'degraded']);
    await redis.start();
    await until(isUp);
    await during(clients, 500);
    await clients.stop();
    expect(clients.lost).toEqual([]);
    await tells(
      `Redis ${redis.url} is away (connection lost): it is done without, and tried again`,
      `Redis ${redis.url} is away (connection refused): it is done without, and tried again`,
      `Redis ${redis.url} is back`,
    );
  });

  it('frozen: those of the first moment wait for as long as they may, the others not at all', async () => {
    await start({ REDIS_TIMEOUT_MS: '200' });
    await until(isUp);
    const clients = crowd();
    await clients.allServed();
    redis.freeze();
    await during(clients, 1000);
    expect(await isUp()).toBe(false);
    const waited = await timeouts();
    expect(waited).toBeGreaterThan(0);
    const { answers } = await during(clients, 2000);
    expect(answers).toBeGreaterThan(CLIENTS);
    expect(await timeouts()).toBe(waited);
    expect(await health()).toEqual([200, 'degraded']);
    redis.thaw();
    await until(isUp);
    await clients.stop();
    expect(clients.lost).toEqual([]);
    await tells(
      `Redis ${redis.url} is away (no answer): it is done without, and tried again`,
      `Redis ${redis.url} is back`,
    );
  });

  it('slow: it is asked again only now and then', async () => {
    await start({ REDIS_TIMEOUT_MS: '50' });
    await until(isUp);
    const clients = crowd();
    await clients.allServed();
    // Busy for 150 ms at a time, with hardly a pause.
    const pausing = setInterval(() => void command(redis.url, 'client', 'pause', 150), 160);
    await during(clients, 1500);
    const waited = await timeouts();
    const { answers } = await during(clients, 2000);
    clearInterval(pausing);
    // It is tried about every second by now: what is under way then waits, and nothing else.
    expect((await timeouts()) - waited).toBeLessThan(answers / 10);
    await until(isUp);
    await clients.stop();
    expect(clients.lost).toEqual([]);
  });

  it('full: what it cannot keep is predicted, and it says so once', async () => {
    await start();
    await until(isUp);
    await command(redis.url, 'flushall');
    await command(redis.url, 'config', 'set', 'maxmemory', '1');
    const clients = crowd();
    await during(clients, 1000);
    await clients.stop();
    expect(clients.lost).toEqual([]);
    expect(sumOf(await metrics(), 'nestor_redis_failures_total', { kind: 'refused' })).toBeGreaterThan(0);
    expect([await isUp(), ...(await health())]).toEqual([true, 200, 'up']);
    await until(() => told().length > 0);
    expect(told()).toHaveLength(1);
    expect(told()[0]).toMatch(/^Redis \S+ refuses what it is asked \(OOM command not allowed/);
    await command(redis.url, 'config', 'set', 'maxmemory', '0');
  });

  it('a wrong password is told without it', async () => {
    const address = new URL(redis.url).host;
    await start({ REDIS_URL: `redis://user:very-secret@${address}/1` });
    await until(() => told().length > 0);
    expect(told()[0]).toMatch(/^Redis redis:\/\/127\.0\.0\.1:\d+\/1 is away \(WRONGPASS /);
    expect(await health()).toEqual([200, 'degraded']);
    expect(service?.stdout).not.toContain('very-secret');
    expect(service?.stderr).toBe('');
  });

  it('a database of a number that it does not have is not taken for another one', async () => {
    await start({ REDIS_URL: `${redis.url}/99` });
    await until(() => told().length > 0);
    expect(told()[0]).toContain('is away (ERR DB index is out of range)');
  });

  it('something else that listens there is away', async () => {
    await start({ REDIS_URL: `redis://127.0.0.1:${String(await freePort())}` });
    await until(() => told().length > 0);
    await service?.stop();
    const other = await Service.start({ MODELS_DIR: folder.path });
    await start({ REDIS_URL: other.url.replace('http', 'redis') });
    await until(() => told().length > 0);
    expect(told()[0]).toContain('is away (');
    expect(service?.stderr).toBe('');
    await other.stop();
  });
});
