import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Redis as Client } from 'ioredis';
import { Bucket } from '../src/security/limits/bucket.js';
import { TAKE_ROWS } from '../src/security/limits/take-rows.lua.js';
import { SHIPPED } from './support/model-folder.js';
import { ServiceProcess } from './support/process.js';
import { command, type RedisServer, startRedis } from './support/redis.js';
import { APPLICANT } from './support/rows.js';
import { Service } from './support/service.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);

const server = await startRedis();
const title = (name: string) => (server ? name : `${name} (skipped: there is no Redis on this machine)`);
const withRedis = server ? describe : describe.skip;
const redis = server as RedisServer;
afterAll(() => server?.remove());

/** Nothing comes back while a test lasts. */
const DAY = 86_400;
const from = (address: string) => ({ 'X-Forwarded-For': address });
const batchOf = (rows: number) => ({ requests: Array<object>(rows).fill(APPLICANT) });

withRedis(title('RATE_LIMIT with Redis'), () => {
  const environment = (limit: number): Record<string, string> => ({
    REDIS_URL: redis.url,
    REDIS_TIMEOUT_MS: '1000', // for machines that do other things too; the faults below have the default
    RATE_LIMIT: `${limit}/24h`,
    TRUSTED_PROXIES: '127.0.0.0/8',
  });

  it('is one limit for all replicas, to the row', async () => {
    const replicas = await Promise.all([1, 2, 3].map(() => Service.start(environment(500))));
    try {
      for (const [size, most] of [
        [1, 500],
        [7, 500],
      ] as const) {
        const caller = from(`198.51.100.${String(size)}`);
        let rows = 0;
        const client = async (index: number) => {
          for (let refused = 0; refused < 3;) {
            const { status } = await (replicas[index % 3] as Service).post('/predict/batch', batchOf(size), caller);
            if (status === 200) rows += size;
            else refused++;
          }
        };
        await Promise.all(Array.from({ length: 30 }, (_, index) => client(index)));
        expect(rows).toBeLessThanOrEqual(most);
        if (size === 1) expect(rows).toBe(500);
      }
      const metrics = await Promise.all(replicas.map((replica) => replica.get('/metrics')));
      for (const { text: page } of metrics) expect(page).toMatch(/^nestor_rate_limits_alone_total 0$/m);
    } finally {
      await Promise.all(replicas.map((replica) => replica.stop()));
    }
  });

  it('keeps one key of a caller, which goes when it means nothing any more', async () => {
    const service = await Service.start({ ...environment(10), RATE_LIMIT: '10/1s' });
    try {
      await service.post('/predict', APPLICANT, from('198.51.100.9'));
      const keys = (await command(redis.url, 'keys', 'nestor:limit:10/1:*')) as string[];
      expect(keys).toEqual(['nestor:limit:10/1:address:198.51.100.9']);
      expect(await command(redis.url, 'pttl', keys[0] as string)).toBeLessThanOrEqual(102);
      await until(async () => ((await command(redis.url, 'exists', keys[0] as string)) as number) === 0);
      await service.post('/predict', APPLICANT, from('2001:db8::1'));
      expect(await command(redis.url, 'exists', 'nestor:limit:10/1:address:2001:db8::/64')).toBe(1);
    } finally {
      await service.stop();
    }
  });

  it('takes a limit that was changed for another one, and what is no count for none', async () => {
    const service = await Service.start(environment(50));
    try {
      const key = 'nestor:limit:50/86400:address:198.51.100.10';
      for (const kept of ['nonsense', '', '40', 'nan inf', '{} {}']) {
        await command(redis.url, 'set', key, kept);
        expect((await service.post('/predict', APPLICANT, from('198.51.100.10'))).status).toBe(200);
        expect(await command(redis.url, 'get', key)).toMatch(/^1 \d{16}$/);
      }
      // The clock was set back by an hour.
      await command(redis.url, 'set', key, `50 ${(Date.now() + 3_600_000) * 1000}`);
      expect((await service.post('/predict', APPLICANT, from('198.51.100.10'))).status).toBe(429);
      const [, at] = String(await command(redis.url, 'get', key)).split(' ');
      expect(Number(at) / 1000).toBeLessThan(Date.now() + 60_000);
    } finally {
      await service.stop();
    }
  });

  it('counts as memory does: the script against the bucket, for random callers', async () => {
    const client = new Client(redis.url);
    client.defineCommand('takeRows', { lua: TAKE_ROWS });
    const takeRows = (client as unknown as { takeRows(...words: unknown[]): Promise<[number, string]> }).takeRows.bind(
      client,
    );
    const rates = fc.record({ limit: fc.integer({ min: 1, max: 1000 }), seconds: fc.constant(DAY) });
    const step = fc.record({
      pause: fc.double({ min: 0, max: 2, noNaN: true }),
      share: fc.double({ min: 0, max: 1.1, noNaN: true }),
    });
    let count = 0;
    try {
      await fc.assert(
        fc.asyncProperty(rates, fc.array(step, { maxLength: 20 }), async (rate, steps) => {
          const key = `test:${String(count++)}`;
          const bucket = new Bucket(0);
          let now = 0;
          for (const { pause, share } of steps) {
            now += pause * DAY;
            const kept = await client.get(key);
            if (kept !== null) {
              // As if it were so much later.
              const [used, at] = kept.split(' ');
              await client.set(key, `${used as string} ${String(Math.round(Number(at) - pause * DAY * 1e6))}`);
            }
            const rows = Math.ceil(share * rate.limit);
            const [taken, used] = await takeRows(1, key, rate.limit, DAY * 1e6, rows, 0);
            const expected = bucket.take(rows, rate, now);
            // What a second or two of the test brings.
            const room = Math.abs(expected.totalHits - (taken === 1 ? 0 : -rows) - rate.limit);
            if (expected.isBlocked === (taken === 0)) expect(Number(used)).toBeCloseTo(expected.totalHits, 0);
            else expect(room).toBeLessThan(0.1);
            if (expected.isBlocked !== (taken === 0)) return;
          }
        }),
        { numRuns: 300 },
      );
    } finally {
      client.disconnect();
    }
  });

  it.each([
    '1e999 5',
    '-1e999 5',
    'nan 5',
    '1e308 5',
    '99999999 99999999999999999',
    '1e400 99999999999999999999999',
    'x',
  ])('a key that holds %p keeps nobody out for longer than twice the time, and is counted anew', async (garbage) => {
    const client = new Client(redis.url);
    client.defineCommand('takeRows', { lua: TAKE_ROWS });
    const { takeRows } = client as unknown as { takeRows: (...words: unknown[]) => Promise<[number, string]> };
    const key = `garbage:${garbage}`;
    try {
      await client.set(key, garbage);
      const [taken, used] = await takeRows.call(client, 1, key, 10, DAY * 1e6, 3, 0);
      expect(Number(used)).toBeLessThanOrEqual(20);
      expect(Number(used)).toBeGreaterThanOrEqual(taken === 1 ? 3 : 7);
      if (taken === 0) await client.set(key, `${used} ${String((Date.now() - 1.5 * DAY * 1000) * 1000)}`); // later
      const [again, left] = await takeRows.call(client, 1, key, 10, DAY * 1e6, 3, 0);
      expect([again, Number(left) <= 10]).toEqual([1, true]);
      expect(await client.pttl(key)).toBeGreaterThan(0);
    } finally {
      client.disconnect();
    }
  });

  it('counts several requests by one call as one after the other', async () => {
    const client = new Client(redis.url);
    client.defineCommand('takeRows', { lua: TAKE_ROWS });
    const { takeRows } = client as unknown as { takeRows: (...words: unknown[]) => Promise<(number | string)[]> };
    const rate = { limit: 10, seconds: DAY };
    const takes = fc.array(
      fc.record({ caller: fc.integer({ min: 0, max: 2 }), rows: fc.integer({ min: 1, max: 12 }) }),
      {
        minLength: 1,
        maxLength: 30,
      },
    );
    let count = 0;
    try {
      await fc.assert(
        fc.asyncProperty(takes, async (all) => {
          const call = count++;
          const keys = all.map(({ caller }) => `several:${String(call)}:${String(caller)}`);
          const words = all.flatMap(({ rows }) => [rate.limit, DAY * 1e6, rows, 0]);
          const answer = await takeRows.call(client, keys.length, ...keys, ...words);
          const buckets = [0, 1, 2].map(() => new Bucket(0));
          const expected = all.map(({ caller, rows }) => buckets[caller]?.take(rows, rate, 0));
          expect(expected.map((record) => (record?.isBlocked ? 0 : 1))).toEqual(
            answer.filter((_, index) => index % 2 === 0),
          );
          expect(expected.map((record) => record?.totalHits)).toEqual(
            answer.filter((_, index) => index % 2 === 1).map(Number),
          );
        }),
        { numRuns: 200 },
      );
    } finally {
      client.disconnect();
    }
  });

  describe('and 100 clients who ask without a pause, while it', () => {
    /** What the clients of one caller saw. */
    interface Seen {
      rows: number;
      refused: number;
      /** What was neither taken nor refused for the limit. */
      others: string[];
      /** Milliseconds, sorted. */
      delays: number[];
    }

    /** Asks for one row at a time until the work is done. */
    async function crowd(url: string, caller: string, work: () => Promise<void>): Promise<Seen> {
      const seen: Seen = { rows: 0, refused: 0, others: [], delays: [] };
      let isGoing = true;
      const client = async () => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        while (isGoing) {
          const asked = performance.now();
          const status = await ask(url, caller, agent).catch(String);
          seen.delays.push(performance.now() - asked);
          if (status === 200) seen.rows++;
          else if (status === 429) seen.refused++;
          else seen.others.push(String(status));
        }
        agent.destroy();
      };
      const clients = Array.from({ length: 100 }, client);
      await work();
      isGoing = false;
      await Promise.all(clients);
      seen.delays.sort((a, b) => a - b);
      return seen;
    }

    function ask(url: string, caller: string, agent: Agent): Promise<number | undefined> {
      return new Promise((resolve, reject) => {
        const headers = { 'Content-Type': 'application/json', ...from(caller) };
        const sent = request(`${url}/predict`, { method: 'POST', agent, headers }, (response) => {
          text(response).then(() => {
            resolve(response.statusCode);
          }, reject);
        });
        sent.on('error', reject);
        sent.end(JSON.stringify(APPLICANT));
      });
    }

    const told = (service: ServiceProcess) =>
      service.log.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('Rate limits'));
    const redisIs = async (url: string) => {
      const { details } = (await (await fetch(`${url}/health/ready`)).json()) as {
        details: { redis: { status: string } };
      };
      return details.redis.status;
    };

    let service: ServiceProcess;
    let url: string;
    beforeAll(async () => {
      service = await ServiceProcess.start({
        MODELS_DIR: SHIPPED,
        LOG_REQUESTS: 'off',
        DATABASE_URL: 'sqlite::memory:',
        REDIS_URL: redis.url,
        RATE_LIMIT: '2000/24h',
        TRUSTED_PROXIES: '127.0.0.0/8',
      });
      url = await service.url();
    });
    afterAll(async () => {
      expect(await service.stop()).toBe(0);
      expect(service.stderr).toBe('');
    });

    const pause = () => sleep(400);
    /** So many limits may be taken in all: another one where Redis has forgotten what was taken. */
    const faults: [name: string, limits: number, work: () => Promise<unknown>][] = [
      ['is killed', 1, () => redis.kill()],
      ['starts again, empty', 2, () => redis.start()],
      [
        'is paused',
        1,
        () =>
          Promise.resolve().then(() => {
            redis.freeze();
          }),
      ],
      [
        'goes on',
        1,
        () =>
          Promise.resolve().then(() => {
            redis.thaw();
          }),
      ],
      [
        'is slow',
        1,
        async () => {
          for (let i = 0; i < 10; i++) {
            await command(redis.url, 'client', 'pause', 60, 'all');
            await sleep(80);
          }
        },
      ],
      [
        'is full',
        1,
        async () => {
          await command(redis.url, 'config', 'set', 'maxmemory', 1);
          await sleep(500);
          await command(redis.url, 'config', 'set', 'maxmemory', 0);
        },
      ],
      ['loses its script', 1, () => command(redis.url, 'script', 'flush')],
    ];

    it.each(faults)('%s', async (name, limits, fault) => {
      const caller = `198.51.100.${String(100 + faults.findIndex(([one]) => one === name))}`;
      const { rows, refused, others, delays } = await crowd(url, caller, async () => {
        await pause();
        await fault();
        await pause();
        await pause();
      });
      expect(others).toEqual([]);
      expect(rows).toBeGreaterThan(0);
      expect(rows).toBeLessThanOrEqual(limits * 2000 + 2); // in a minute its time gives one or two back
      expect(rows + refused).toBeGreaterThan(200);
      expect(delays[Math.floor(delays.length / 2)]).toBeLessThan(2000);
    });

    it('says so, and counts for all again afterwards', async () => {
      expect(told(service)).toEqual(['Rate limits are counted by each process alone while Redis does not answer']);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toMatch(/^nestor_rate_limits_alone_total [1-9]/m);
      await until(async () => (await redisIs(url)) === 'up');
      const agent = new Agent();
      await until(async () => {
        await ask(url, '198.51.100.99', agent);
        return ((await command(redis.url, 'exists', 'nestor:limit:2000/86400:address:198.51.100.99')) as number) === 1;
      });
    });
  });
});
