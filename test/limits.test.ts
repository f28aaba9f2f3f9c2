import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { KeyRing, showing } from './support/key-ring.js';
import { SHIPPED } from './support/model-folder.js';
import { ServiceProcess } from './support/process.js';
import { RawClient, requestText } from './support/raw.js';
import { APPLICANT } from './support/rows.js';
import { type Answer, Service } from './support/service.js';
import { until } from './support/until.js';

jest.setTimeout(60_000);

const JSON_TYPE = { 'Content-Type': 'application/json' };
/** Says who calls, to a service that trusts this machine as a proxy. */
const from = (address: string) => ({ 'X-Forwarded-For': address });
const PROXY = { TRUSTED_PROXIES: '127.0.0.0/8,::1' };
const batchOf = (rows: number) => ({ requests: Array<object>(rows).fill(APPLICANT) });

/** The rows that an answer says are left, and the seconds until all are there again. */
function standing({ headers }: Answer): { left: number; seconds: number } {
  const [, left, seconds] = /^"rows";r=(\d+);t=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? [];
  return { left: Number(left), seconds: Number(seconds) };
}

describe('RATE_LIMIT', () => {
  /** Nothing comes back while a test lasts. */
  let service: Service;
  beforeAll(async () => {
    service = await Service.start({ RATE_LIMIT: '100/24h', ...PROXY });
  });
  afterAll(() => service.stop());

  it('counts the rows of a caller, says what is left, and refuses what is too much', async () => {
    const caller = from('198.51.100.1');
    const first = await service.post('/predict', APPLICANT, caller);
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe('"rows";q=100;w=86400');
    expect(standing(first)).toEqual({ left: 99, seconds: 864 });
    const batch = await service.post('/predict/batch', batchOf(95), caller);
    expect({ status: batch.status, ...standing(batch) }).toEqual({ status: 200, left: 4, seconds: 864 * 96 });
    const tooMuch = await service.post('/predict/batch', batchOf(7), caller);
    expect(tooMuch.status).toBe(429);
    expect(tooMuch.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(tooMuch.json).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(standing(tooMuch).left).toBe(3); // it took the one row of a request, and nothing for what did not fit
    expect(Number(tooMuch.headers.get('retry-after'))).toBeGreaterThan(864 * 3);
    expect(standing(await service.post('/predict/batch', batchOf(3), caller))).toMatchObject({ left: 0 });
    const single = await service.post('/predict', APPLICANT, caller);
    expect(single.status).toBe(429);
    expect(Number(single.headers.get('retry-after'))).toBeGreaterThan(800);
    expect(Number(single.headers.get('retry-after'))).toBeLessThanOrEqual(864);
    expect((await service.post('/predict', APPLICANT, from('198.51.100.2'))).status).toBe(200);
  });

  it('a batch that never fits is told so, and not when to come again', async () => {
    const small = await Service.start({ RATE_LIMIT: '10/1s', ...PROXY });
    try {
      const answer = await small.post('/predict/batch', batchOf(11));
      expect(answer.status).toBe(429);
      expect(answer.json.detail).toBe(
        'A caller may send 10 rows in 1 s, and this request has more: send fewer at once.',
      );
      expect(answer.headers.get('retry-after')).toBeNull();
      await sleep(200);
      expect((await small.post('/predict/batch', batchOf(10))).status).toBe(200);
    } finally {
      await small.stop();
    }
  });

  it('whoever waits as long as it is told is taken', async () => {
    const quick = await Service.start({ RATE_LIMIT: '20/2s', ...PROXY });
    try {
      for (const rows of [20, 20, 7, 1, 20]) {
        const told: string[] = [];
        for (;;) {
          const { status, headers, json } = await quick.post('/predict/batch', batchOf(rows));
          if (status === 200) break;
          told.push(json.detail as string);
          await sleep(Number(headers.get('retry-after')) * 1000 + 20);
        }
        // The first row of a request is counted before the others are known.
        const first = expect.stringMatching(/there is room for one in 1 s\.$/);
        const all = expect.stringMatching(new RegExp(`there is room for ${rows} in [12] s\\.$`));
        expect([[], [first], [all], [first, all]]).toContainEqual(told);
      }
    } finally {
      await quick.stop();
    }
  });

  it.each([
    ['a prediction', 'POST', '/predict', 1],
    ['one that is refused', 'POST', '/predict?x=1', 1],
    ['one of a model', 'POST', '/v1/models/credit-risk/predict', 1],
    ['one that is cached', 'POST', '/predict/cached', 1],
    ['a read', 'GET', '/v1/models', 1],
    ['what happened', 'GET', '/v1/events', 1],
    ['a probe', 'GET', '/health/ready', 0],
    ['metrics', 'GET', '/metrics', 0],
    ['a document', 'GET', '/openapi.json', 0],
    ['a page', 'GET', '/docs', 0],
    ['a change', 'DELETE', '/v1/models/nope/default', 0],
    ['nothing', 'GET', '/nope', 0],
  ])('%s: %s %s takes %d', async (what, method, path, rows) => {
    const caller = from(`203.0.113.${String(what.length)}${String(rows)}`.replace(/(\d{3})\d+$/, '$1'));
    const before = standing(await service.call('GET', '/v1/models', { headers: caller })).left;
    const body = method === 'POST' ? JSON.stringify(APPLICANT) : undefined;
    const answer = await service.call(method, path, {
      headers: { ...caller, ...JSON_TYPE },
      ...(body !== undefined && { body }),
    });
    expect(answer.headers.has('ratelimit')).toBe(rows > 0);
    expect(standing(await service.call('GET', '/v1/models', { headers: caller })).left).toBe(before - rows - 1);
  });

  it('refuses before anything of the body is read', async () => {
    const full = await Service.start({ RATE_LIMIT: '1/24h' });
    try {
      await full.post('/predict', APPLICANT);
      const client = await RawClient.to(full.url);
      client.send(
        'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n',
      );
      expect(await client.answers(1)).toMatchObject([{ status: 429 }]);
      client.leave();
    } finally {
      await full.stop();
    }
  });

  it('counts by the address that a trusted proxy tells, and of IPv6 by the network', async () => {
    const left = async (headers: Record<string, string>) =>
      standing(await service.post('/predict', APPLICANT, headers)).left;
    expect(await left(from('198.51.100.77'))).toBe(99);
    expect(await left(from('1.1.1.1, 198.51.100.77'))).toBe(98); // whatever stands before it
    expect(await left({ Forwarded: 'for=198.51.100.77' })).toBe(97);
    expect(await left(from('2001:db8:1:2::1'))).toBe(99);
    expect(await left(from('2001:db8:1:2:ffff:ffff:ffff:ffff'))).toBe(98);
    expect(await left(from('2001:db8:1:3::1'))).toBe(99);
    expect(await left(from('::ffff:198.51.100.77'))).toBe(96);
  });

  it('counts by who is connected, where that one is no trusted proxy', async () => {
    const open = await Service.start({ RATE_LIMIT: '100/24h' });
    try {
      for (let i = 0; i < 5; i++) {
        const headers = {
          ...from(`198.51.100.${String(i)}`),
          Forwarded: `for=198.51.100.${String(i)}`,
          'X-Real-IP': `1.1.1.${String(i)}`,
        };
        expect(standing(await open.post('/predict', APPLICANT, headers)).left).toBe(99 - i);
      }
    } finally {
      await open.stop();
    }
  });

  it.each([
    ['of single rows', () => 1, 300],
    ['of batches', (client: number) => 1 + (client % 7), 200],
  ])('never gives more than the limit and what the time has brought to a crowd %s', async (_, sizeOf, least) => {
    const busy = await Service.start({ RATE_LIMIT: '200/2s' });
    try {
      const began = performance.now();
      let rows = 0;
      const client = async (size: number) => {
        while (performance.now() - began < 3000) {
          const { status } = await busy.post('/predict/batch', batchOf(size));
          if (status === 200) rows += size;
          else expect(status).toBe(429);
        }
      };
      await Promise.all(Array.from({ length: 20 }, (__, i) => client(sizeOf(i))));
      const seconds = (performance.now() - began) / 1000;
      expect(rows).toBeGreaterThanOrEqual(least);
      expect(rows).toBeLessThanOrEqual(200 + seconds * 100);
    } finally {
      await busy.stop();
    }
  });

  it('counts whoever has a key by its name, and who has none by address', async () => {
    const keys = await KeyRing.make();
    const guarded = await Service.start({ RATE_LIMIT: '5/24h', ...PROXY, ...keys.environment });
    try {
      const [one, two] = [await keys.add('one', ['predict']), await keys.add('two', ['predict'])];
      await until(async () => (await guarded.post('/predict', APPLICANT, showing(two))).status === 200);
      const ask = (headers: Record<string, string>) =>
        guarded.post('/predict', APPLICANT, { ...from('198.51.100.1'), ...headers });
      for (let i = 0; i < 5; i++) expect((await ask({})).status).toBe(401);
      const guessed = await ask(showing(one.replace(/.$/, (last) => (last === '0' ? '1' : '0'))));
      expect(guessed.status).toBe(429); // the sixth of this address without a key that is valid
      expect(guessed.headers.get('retry-after')).not.toBeNull();
      // And those who have one are none of them, from wherever they come.
      for (let i = 0; i < 5; i++) {
        const { status, headers } = await guarded.post('/predict', APPLICANT, {
          ...from(`198.51.100.${i}`),
          ...showing(one),
        });
        expect({ status, limit: headers.get('ratelimit') }).toMatchObject({
          status: 200,
          limit: expect.stringContaining(`r=${4 - i};`),
        });
      }
      expect((await ask(showing(one))).status).toBe(429);
      expect((await ask(showing(two))).status).toBe(200);
      expect((await guarded.get('/health/ready')).status).toBe(200);
    } finally {
      await guarded.stop();
      await keys.remove();
    }
  });

  it('is shown in metrics, and nothing is where it is off', async () => {
    expect((await service.get('/metrics')).text).toMatch(/^nestor_rate_limited_total\{by="address"\} [1-9]/m);
    const off = await Service.start();
    try {
      const { headers } = await off.post('/predict', APPLICANT);
      expect([headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([null, null]);
    } finally {
      await off.stop();
    }
  });
});

describe('RATE_LIMIT with WORKERS', () => {
  it('is one limit for all of them, but for what they have not told each other yet', async () => {
    const environment = { MODELS_DIR: SHIPPED, WORKERS: '2', LOG_REQUESTS: 'off', DATABASE_URL: 'sqlite:./nestor.db' };
    const service = await ServiceProcess.start({ ...environment, RATE_LIMIT: '300/24h', ...PROXY });
    try {
      const url = await service.url();
      /** Over a connection of its own: they go to the workers in turn. */
      const ask = async (caller: string) => {
        const client = await RawClient.to(url);
        const headers = { ...JSON_TYPE, ...from(caller) };
        const [answer] = await client.send(requestText('POST /predict', headers, JSON.stringify(APPLICANT))).answers(1);
        client.leave();
        return answer?.status;
      };
      const taken = async (caller: string, clients: number, pauseMs: number) => {
        let rows = 0;
        const client = async () => {
          for (let refused = 0; refused < 4;) {
            const status = await ask(caller);
            if (status === 200) rows++;
            else refused++;
            expect([200, 429]).toContain(status);
            await sleep(pauseMs);
          }
        };
        await Promise.all(Array.from({ length: clients }, client));
        return rows;
      };
      const steady = await taken('198.51.100.1', 2, 5);
      expect(steady).toBeGreaterThanOrEqual(300);
      expect(steady).toBeLessThan(400); // each its own would give 600
      const flood = await taken('198.51.100.2', 40, 0);
      expect(flood).toBeGreaterThanOrEqual(300);
      expect(flood).toBeLessThanOrEqual(600);
      await sleep(500);
      expect(await taken('198.51.100.2', 4, 0)).toBe(0); // both know by now
    } finally {
      expect(await service.stop()).toBe(0);
      expect(service.stderr).toBe('');
    }
  });
});
