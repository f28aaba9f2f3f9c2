import { once } from 'node:events';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newKey } from '../src/security/auth/api-key.js';
import { KeyRing, showing } from './support/key-ring.js';
import { SHIPPED } from './support/model-folder.js';
import { ServiceProcess } from './support/process.js';
import { APPLICANT } from './support/rows.js';
import { Service } from './support/service.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);
/** In the form of a key, and nobody's. */
const NOBODYS = `nestor_${'0'.repeat(12)}_${'0'.repeat(48)}`;

describe('API keys', () => {
  let ring: KeyRing;
  let service: Service | undefined;
  let child: ServiceProcess | undefined;
  beforeEach(async () => {
    ring = await KeyRing.make();
  });
  afterEach(async () => {
    await service?.stop();
    child?.signal('SIGKILL');
    await child?.exit();
    [service, child] = [undefined, undefined];
    await ring.remove();
  });

  const start = async () => (service = await Service.start(ring.environment));
  const startProcess = async (environment: Record<string, string> = {}) => {
    child = await ServiceProcess.start({
      MODELS_DIR: SHIPPED,
      LOG_REQUESTS: 'off',
      ...ring.environment,
      ...environment,
    });
    return child.url();
  };
  const statusOf = async (key: string) => (await service?.call('GET', '/v1/models', { headers: showing(key) }))?.status;
  const listed = (url: string, headers: Record<string, string>) => fetch(`${url}/v1/models`, { headers });

  describe('are shown in a header', () => {
    /** Sends a request's head as it stands; its status and challenge. */
    async function sent(url: string, ...lines: string[]): Promise<string> {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      await once(socket, 'connect');
      socket.end(Buffer.from(['GET /v1/models HTTP/1.1', 'Host: x', 'Connection: close', ...lines, '', ''].join('\r\n'), 'latin1')); // prettier-ignore
      const answer = await text(socket);
      const challenge = /^WWW-Authenticate: .*?(?:error="(.*?)")?\r$/m.exec(answer);
      return [answer.slice(9, 12), challenge?.[1] ?? (challenge ? 'no error' : '')].join(' ').trim();
    }

    it('in each form that is one, and in no other', async () => {
      const key = await ring.add('a', ['read']);
      const other = await ring.add('b', ['read']);
      const { url } = await start();
      for (const [lines, wanted] of [
        [[`Authorization: Bearer ${key}`], '200'],
        [[`authorization: bearer ${key}`], '200'],
        [[`AUTHORIZATION:   BEARER    ${key}   `], '200'],
        [[`X-API-Key: ${key}`], '200'],
        [[`X-API-Key: ${key}`, `Authorization: Bearer ${key}`], '200'],
        [[`Authorization: Bearer ${key}`, `Authorization: Bearer ${key}`], '200'],
        [[], '401 no error'],
        [['Authorization:'], '401 no error'],
        [['Authorization: Bearer'], '401 no error'],
        [['Authorization: Bearer '], '401 no error'],
        [[`Authorization: ${key}`], '401 no error'],
        [[`Authorization: Bearer${key}`], '401 no error'],
        [[`Authorization: Basic ${Buffer.from(`x:${key}`).toString('base64')}`], '401 no error'],
        [[`Authorization: Bearer ${key} ${key}`], '401 no error'],
        [[`Authorization: Bearer ${key}, Bearer ${key}`], '401 no error'],
        [[`Authorization: Bearer ${key}`, 'Authorization: Basic eDp5'], '401 no error'],
        [['X-API-Key:'], '401 invalid_token'],
        [[`X-API-Key: Bearer ${key}`], '401 invalid_token'],
        [[`X-API-Key: ${key.toUpperCase()}`], '401 invalid_token'],
        [[`X-API-Key: ${key}=`], '401 invalid_token'],
        [[`X-API-Key: ${key.slice(0, -1)}`], '401 invalid_token'],
        [[`X-API-Key: ${key.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}`], '401 invalid_token'],
        [[`X-API-Key: ${NOBODYS}`], '401 invalid_token'],
        [['X-API-Key: nestor___proto___'], '401 invalid_token'],
        [['X-API-Key: kéy\xff'], '401 invalid_token'],
        [[`Authorization: Bearer ${'a'.repeat(12_000)}`], '401 invalid_token'],
        [[`X-API-Key: ${key}`, `X-API-Key: ${other}`], '401 invalid_request'],
        [[`X-API-Key: ${key}`, `Authorization: Bearer ${other}`], '401 invalid_request'],
        [[`Authorization: Bearer ${key}`, `Authorization: Bearer ${other}`], '401 invalid_request'],
        [[`Authorization: Bearer ${'a'.repeat(17_000)}`], '431'],
        [[`Authorization: Bearer ${key}\0`], '400'],
      ] as [string[], string][])
        expect([lines, await sent(url, ...lines)]).toEqual([lines, wanted]);
    });

    it('before any of a body is sent: who is refused may send it or not', async () => {
      const { url } = await start();
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      const size = 20 * 1024 * 1024;
      let answers = '';
      socket.on('data', (data: Buffer) => (answers += data.toString()));
      socket.write(
        `POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`,
      );
      await until(() => answers.startsWith('HTTP/1.1 401'));
      socket.write(Buffer.alloc(size, ' '));
      socket.write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      await once(socket, 'close');
      expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 200']);
    });

    it('an answer never holds what was sent, nor says whether there is a key of that id', async () => {
      const key = await ring.add('a', ['read']);
      await start();
      const wrong = key.replace(/.{8}$/, '00000000');
      const answers = new Set<string>();
      for (const shown of [wrong, NOBODYS]) {
        const answer = await service?.call('GET', '/v1/models', {
          headers: { ...showing(shown), 'X-Request-Id': 'x' },
        });
        expect(answer?.text).not.toContain(shown.slice(0, 12));
        answers.add(`${answer?.text} ${answer?.headers.get('WWW-Authenticate')}`);
      }
      expect(answers.size).toBe(1);
    });
  });

  describe('are followed while it serves', () => {
    it('one that is revoked is refused within seconds, while 50 clients call; the other goes on', async () => {
      const [doomed, kept] = [await ring.add('doomed', ['predict']), await ring.add('kept', ['predict'])];
      await start();
      let isGoing = true;
      const seen = { doomed: [] as number[], kept: [] as number[] };
      const client = async (who: 'doomed' | 'kept', key: string) => {
        while (isGoing) seen[who].push((await service?.post('/predict', APPLICANT, showing(key)))?.status ?? 0);
      };
      const clients = Array.from({ length: 50 }, (_, i) =>
        i % 2 === 0 ? client('doomed', doomed) : client('kept', kept),
      );
      await until(() => seen.doomed.length > 100 && seen.kept.length > 100);
      expect(new Set(seen.doomed)).toEqual(new Set([200]));
      const at = performance.now();
      await ring.revoke('doomed');
      await until(() => seen.doomed.at(-1) === 401);
      expect(performance.now() - at).toBeLessThan(10_000);
      await sleep(200);
      isGoing = false;
      await Promise.all(clients);
      expect(seen.doomed.slice(-20)).toEqual(Array(20).fill(401));
      expect(new Set(seen.kept)).toEqual(new Set([200]));
      const { detail } = (await service?.post('/predict', APPLICANT, showing(doomed)))?.json ?? {};
      expect(detail).toBe('The API key has been revoked.');
    });

    it('one that expires is refused from then on', async () => {
      await start();
      const key = await ring.add('a', ['read'], { expires: new Date(Date.now() + 6000).toISOString() });
      await until(async () => (await statusOf(key)) === 200);
      await until(async () => (await statusOf(key)) === 401);
      expect((await service?.call('GET', '/v1/models', { headers: showing(key) }))?.json.detail).toBe('The API key has expired.'); // prettier-ignore
    });

    it('as Kubernetes mounts a Secret: the link is swapped for another folder', async () => {
      const mounted = join(ring.folder, 'mount');
      const put = async (name: string) => {
        await mkdir(join(mounted, name), { recursive: true });
        await rename(ring.path, join(mounted, name, 'api-keys.json'));
        await symlink(name, join(mounted, '..new'));
        await rename(join(mounted, '..new'), join(mounted, '..data'));
      };
      const first = await ring.add('first', ['read']);
      await put('..1');
      await symlink('..data/api-keys.json', join(mounted, 'api-keys.json'));
      service = await Service.start({ AUTH: 'on', API_KEYS_FILE: join(mounted, 'api-keys.json') });
      expect(await statusOf(first)).toBe(200);
      const second = await ring.add('second', ['read']);
      await put('..2');
      await until(async () => (await statusOf(second)) === 200);
      expect(await statusOf(first)).toBe(401);
    });

    it('a file that cannot be understood leaves in force what was read before, with one line', async () => {
      const key = await ring.add('a', ['read']);
      const whole = await ring.read();
      const url = await startProcess();
      for (const [spoil, line] of [
        [() => ring.write('{"keys": [\n{"id": "x"'), /API keys cannot be read: \S+api-keys.json:2: /],
        [async () => ring.write((await ring.read()).replace('"created"', '"revokd": "now",\n"created"')), /api-keys.json:\d+: keys.0.revokd: is not a known setting of this file; did you mean "revoked"\? Those/], // prettier-ignore
        [() => ring.write(''), /api-keys.json:1: keys: is required/],
        [async () => ring.write((await ring.read()).slice(0, 100)), /API keys cannot be read: \S+api-keys.json:/],
        [async () => { await rm(ring.path); await mkdir(ring.path); }, /API keys cannot be read: \S+api-keys.json: cannot be read \(EISDIR\)/], // prettier-ignore
        [async () => { await rm(ring.path); await symlink(ring.path, ring.path); }, /cannot be read \(ELOOP\)/], // prettier-ignore
      ] as const) {
        const before = child?.log.length ?? 0;
        const told = () => (child?.log ?? []).slice(before).map(({ level, msg }) => `${String(level)} ${String(msg)}`);
        await spoil();
        await until(() => told().some((one) => line.test(one)));
        await sleep(1500); // a look later
        expect((await listed(url, showing(key))).status).toBe(200);
        expect(told().filter((one) => one.startsWith('error API keys cannot'))).toHaveLength(1);
        await rm(ring.path, { recursive: true });
        await ring.write(whole);
        await until(() => told().includes('info API keys can be read again.'));
      }
      expect((await listed(url, showing(key))).status).toBe(200);
      expect(child?.stdout).not.toContain(key.slice(-20));
    });

    it('a file that is replaced by removing it first loses nobody; one that is gone takes its keys along', async () => {
      const key = await ring.add('a', ['read']);
      const whole = await ring.read();
      await start();
      const seen: (number | undefined)[] = [];
      for (let i = 0; i < 10; i++) {
        await rm(ring.path);
        await sleep(20);
        await ring.write(whole);
        for (let j = 0; j < 10; j++) seen.push(await statusOf(key));
      }
      expect(new Set(seen)).toEqual(new Set([200]));
      await rm(ring.path);
      await until(async () => (await statusOf(key)) === 401);
      await ring.write(whole);
      await until(async () => (await statusOf(key)) === 200);
    });

    it('by each worker process', async () => {
      const key = await ring.add('a', ['read']);
      const url = await startProcess({ WORKERS: '2' });
      const statuses = async () => {
        const headers = { ...showing(key), Connection: 'close' };
        return new Set(await Promise.all(Array.from({ length: 12 }, async () => (await listed(url, headers)).status)));
      };
      expect(await statuses()).toEqual(new Set([200]));
      await ring.revoke('a');
      await until(async () => [...(await statuses())].join() === '401');
    });
  });

  describe('at the start', () => {
    it('without a file it serves, says that nobody can call and how to change that, and takes the first key', async () => {
      const url = await startProcess();
      expect(child?.stdout).toMatch(/"level":"warn".*Nobody can call: AUTH is on, .* holds no API key that is valid.*nestor keys create NAME/); // prettier-ignore
      expect((await listed(url, {})).status).toBe(401);
      expect((await fetch(`${url}/health/ready`)).status).toBe(200);
      const key = await ring.add('a', ['read']);
      await until(async () => (await listed(url, showing(key))).status === 200);
    });

    it('it does not start with a file that it cannot understand', async () => {
      await ring.write('{"keys": [\n{"id": "x"}]}');
      child = await ServiceProcess.start({ MODELS_DIR: SHIPPED, ...ring.environment });
      expect(await child.exit()).toBe(1);
      expect(child.stderr).toMatch(
        /^nestor cannot start: API_KEYS_FILE: \S+api-keys.json:2: keys.0.name: is required.*\n$/,
      );
    });

    it.each([
      [{ JWT_ISSUER: 'x' }, 'JWT_ISSUER is of use with JWT_JWKS only'],
      [{ JWT_AUDIENCE: 'x', AUTH: 'on' }, 'JWT_AUDIENCE is of use with JWT_JWKS only'],
      [{ JWT_JWKS: 'ftp://x/y' }, 'JWT_JWKS must be a file, or https:// or http:// and a host'],
      [{ JWT_JWKS: 'https://u:p@x/y' }, 'JWT_JWKS must be a file'],
      [{ AUTH: 'on', JWT_JWKS: 'no-such-file.json' }, 'JWT_JWKS: no-such-file.json: does not exist'],
    ])('it does not start with %j', async (environment, problem) => {
      child = await ServiceProcess.start({ MODELS_DIR: SHIPPED, ...environment });
      expect(await child.exit()).toBe(1);
      expect(child.stderr).toContain(`nestor cannot start: ${problem}`);
      expect(child.stderr).not.toContain('u:p');
    });

    it('with AUTH=off it says that keys which are there protect nothing', async () => {
      await ring.add('a', ['read']);
      await startProcess({ AUTH: 'off', AUTH_PUBLIC: 'docs', JWT_JWKS: 'x.json' });
      for (const hint of [
        'api-keys.json holds API keys, but AUTH is off: whoever reaches the port may call',
        'JWT_JWKS does nothing while AUTH is off',
        'AUTH_PUBLIC does nothing while AUTH is off',
      ])
        expect(child?.log.filter(({ level, msg }) => level === 'warn' && String(msg).includes(hint))).toHaveLength(1);
    });
  });

  describe('guessed', () => {
    it('thousands of times are counted by reason, and told in a few lines; the log has no key and every name', async () => {
      const key = await ring.add('a', ['read', 'admin']);
      const url = await startProcess({ LOG_REQUESTS: 'both' });
      for (let i = 0; i < 40; i++) {
        const guesses = Array.from({ length: 50 }, () => listed(url, showing(newKey().key)));
        for (const { status, body } of await Promise.all(guesses)) {
          expect(status).toBe(401);
          await body?.cancel();
        }
      }
      await listed(url, {});
      await listed(url, showing(key));
      const page = await (await fetch(`${url}/metrics`, { headers: showing(key) })).text();
      expect(page).toContain('nestor_auth_failures_total{reason="bad_key"} 2000');
      expect(page).toContain('nestor_auth_failures_total{reason="missing"} 1');
      await until(() => child?.log.some(({ url: path, who }) => path === '/v1/models' && who === 'a') ?? false);
      const told = child?.log.filter(({ msg }) => msg === 'callers_refused') ?? [];
      expect(told[0]).toMatchObject({ level: 'warn', reason: 'bad_key', count: 1, address: '127.0.0.1' });
      expect(told.length).toBeLessThan(8);
      expect(child?.stdout).not.toContain('nestor_');
      const lines = child?.log.filter(({ who }) => who !== undefined) ?? [];
      expect(new Set(lines.map(({ msg }) => msg))).toEqual(new Set(['request_started', 'request_completed']));
    });
  });
});
