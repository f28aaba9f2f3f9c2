import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SHIPPED } from './support/model-folder.js';
import { emptyDatabase, type PostgresServer, query, startPostgres } from './support/postgres.js';
import { ServiceProcess } from './support/process.js';
import { until } from './support/until.js';

const IRIS = join(SHIPPED, 'iris');
const FLOWER = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };

interface Event {
  id: number;
  kind: string;
  from: string;
  to: string;
  at: string;
}

const start = (DATABASE_URL: string, more: Record<string, string> = {}) =>
  ServiceProcess.start({ MODELS_DIR: IRIS, QUIET_MS: '0', LOG_REQUESTS: 'off', DATABASE_URL, ...more });

const predict = async (url: string) => {
  const answer = await fetch(`${url}/predict`, {
    method: 'POST',
    body: JSON.stringify(FLOWER),
    headers: { 'Content-Type': 'application/json' },
  });
  await answer.text();
  return answer.status;
};
const ready = async (url: string) => {
  const answer = await fetch(`${url}/health/ready`);
  const { details } = (await answer.json()) as { details: { database: { status: string } } };
  return { status: answer.status, database: details.database.status };
};
const events = async (url: string, search = '') => {
  const answer = await fetch(`${url}/v1/events${search}`);
  return ((await answer.json()) as { events?: Event[] }).events ?? [];
};
const told = (service: ServiceProcess) =>
  service.log.map(({ msg }) => String(msg)).filter((msg) => msg.startsWith('Database '));
/** Stderr must stay empty: no warning, no stack trace. */
const end = async (service: ServiceProcess) => {
  expect(await service.stop()).toBe(0);
  expect(service.stderr).toBe('');
};
/** Eight starts at the same time share the machine's cores. */
const MANY_MS = 100_000;
const STATES = ['LOADING', 'CHECKING', 'READY'];

describe('a database in a file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-database-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('eight processes that start on a new one at the same time all keep their events', async () => {
    const file = join(folder, 'new', 'nestor.db');
    const services = await Promise.all(Array.from({ length: 8 }, () => start(`sqlite:${file}`)));
    const urls = await Promise.all(services.map((service) => service.url(MANY_MS)));
    for (const url of urls) expect(await ready(url)).toEqual({ status: 200, database: 'up' });
    await Promise.all(services.map(end));
    for (const service of services) expect(told(service)).toEqual([]);
    // The events of the last moment were written at the end, and SQLite's own log was written back.
    expect(await readdir(join(folder, 'new'))).toEqual(['nestor.db']);
    const database = new DatabaseSync(file);
    const rows = database.prepare('select "to", count(*) as n from events group by 1 order by min(id)').all();
    database.close();
    expect(rows.map((row) => ({ ...row }))).toEqual(STATES.map((to) => ({ to, n: 8 })));
  }, 120_000);

  it('the history survives a restart, and is bounded', async () => {
    const url = `sqlite:${join(folder, 'bounded', 'nestor.db')}`;
    for (let restart = 0; restart < 4; restart++) await end((await started(url)).service);
    const { service, address } = await started(url);
    await until(async () => (await events(address)).length === 5 && (await events(address))[0]?.to === 'READY');
    expect((await events(address)).map(({ to }) => to)).toEqual(['READY', 'CHECKING', 'LOADING', 'READY', 'CHECKING']);
    await end(service);
  });

  async function started(url: string) {
    const service = await start(url, { EVENTS_KEPT: '5' });
    return { service, address: await service.url() };
  }

  it.each([
    [
      'a file that is none of SQLite’s',
      'the file is not a database',
      (path: string) => writeFile(path, 'x'.repeat(5000)),
    ],
    ['a folder in its place', 'it cannot be opened', (path: string) => mkdir(path)],
    ['no folder for it', 'its folder is not there', undefined],
  ])('%s: one line, and it serves all the same', async (name, problem, prepare) => {
    const path = join(folder, prepare ? `${name}.db` : 'far/away/nestor.db');
    await prepare?.(path);
    const service = await start(`sqlite:${path}`);
    const url = await service.url();
    await until(async () => (await ready(url)).database === 'degraded');
    expect(await ready(url)).toEqual({ status: 200, database: 'degraded' });
    expect(await predict(url)).toBe(200);
    const refused = await fetch(`${url}/v1/events`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ code: 'dependency_unavailable' });
    await end(service);
    expect(told(service)).toEqual([
      `Database ${path} is away (${problem}): what is loaded goes on serving, and it is tried again`,
    ]);
    expect(service.stdout).not.toContain('stack');
  });

  it('one that another program has locked: degraded until it lets go, and the events arrive then', async () => {
    const path = join(folder, 'locked.db');
    const other = new DatabaseSync(path);
    other.exec('create table theirs (a); begin exclusive');
    const service = await start(`sqlite:${path}`, { DATABASE_TIMEOUT_MS: '200' });
    const url = await service.url();
    await until(async () => (await ready(url)).database === 'degraded');
    expect(await predict(url)).toBe(200);
    other.exec('commit');
    other.close();
    await until(async () => (await events(url)).length === 3);
    expect(await ready(url)).toEqual({ status: 200, database: 'up' });
    await end(service);
    expect(told(service)).toEqual([
      expect.stringContaining('another program has locked it'),
      `Database ${path} is back`,
    ]);
  });

  it('one in memory needs no place', async () => {
    const service = await start('sqlite::memory:');
    const url = await service.url();
    await until(async () => (await events(url)).length === 3);
    await end(service);
  });

  it('a wrong address stops the start, and is not printed', async () => {
    const service = await start('mysql://user:secret@host/x');
    expect(await service.exit()).toBe(1);
    expect(service.stderr).toBe(
      'nestor cannot start: DATABASE_URL must be sqlite:<file>, sqlite::memory: or postgres://<user>:<password>@<host>:<port>/<database>\n',
    );
  });
});

const server = await startPostgres();

(server ? describe : describe.skip)('a database in PostgreSQL', () => {
  const postgres = server as PostgresServer;
  afterAll(() => postgres.remove(), 30_000);

  it('eight processes that start on a new one at the same time all keep their events', async () => {
    const url = await emptyDatabase(postgres);
    const services = await Promise.all(Array.from({ length: 8 }, () => start(url)));
    for (const service of services) {
      expect(await ready(await service.url(MANY_MS))).toEqual({ status: 200, database: 'up' });
    }
    await Promise.all(services.map(end));
    for (const service of services) expect(told(service)).toEqual([]);
    const rows = await query(url, 'select "to", count(*)::int as n from events group by 1 order by min(id)');
    expect(rows).toEqual(STATES.map((to) => ({ to, n: 8 })));
  }, 120_000);

  it('away at the start: it serves, and its tables are made when the database is back', async () => {
    const url = await emptyDatabase(postgres);
    await postgres.kill();
    const service = await start(url);
    const address = await service.url();
    await until(async () => (await ready(address)).database === 'degraded');
    expect(await ready(address)).toEqual({ status: 200, database: 'degraded' });
    expect(await predict(address)).toBe(200);
    await postgres.start();
    await until(async () => (await events(address)).length === 3);
    expect(await ready(address)).toEqual({ status: 200, database: 'up' });
    await end(service);
    expect(told(service).at(0)).toMatch(
      /^Database postgres:\/\/127.0.0.1:\d+\/nestor_\w+ is away \(connection refused\)/,
    );
    expect(told(service).filter((line) => line.endsWith('is back'))).toHaveLength(1);
    expect(service.stdout).not.toContain('secret');
  });

  it.each(['freeze', 'kill'] as const)(
    '%s and back, while clients predict: none fails or waits, and no event is lost',
    async (fault) => {
      const url = await emptyDatabase(postgres);
      const models = await mkdtemp(join(tmpdir(), 'nestor-models-'));
      const publish = (version: string) => execFileSync('cp', ['-r', join(IRIS, '1.0.0'), join(models, version)]);
      publish('1.0.0');
      const service = await start(url, { MODELS_DIR: models, DATABASE_TIMEOUT_MS: '300' });
      const address = await service.url();
      await until(async () => (await events(address)).length === 3);
      const statuses = new Map<number, number>();
      let goesOn = true;
      let answered = 0;
      const clients = Array.from({ length: 4 }, async () => {
        while (goesOn) {
          const status = await predict(address);
          answered++;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      });
      if (fault === 'freeze') postgres.freeze();
      else await postgres.kill();
      publish('1.1.0');
      await until(async () => (await ready(address)).database === 'degraded');
      await until(() => service.stdout.includes('"1.1.0"'));
      const sofar = answered;
      await until(() => answered > sofar + 20);
      publish('1.2.0');
      await until(() => service.stdout.includes('"1.2.0"'));
      if (fault === 'freeze') postgres.thaw();
      else await postgres.start();
      await until(async () => (await events(address)).length >= 9);
      goesOn = false;
      await Promise.all(clients);
      expect([...statuses.keys()]).toEqual([200]);
      const kept = await events(address);
      expect(kept.map(({ to }) => to).reverse()).toEqual([...STATES, ...STATES, ...STATES]);
      expect(kept.map(({ at }) => at)).toEqual(
        kept
          .map(({ at }) => at)
          .sort()
          .reverse(),
      );
      await end(service);
      // How it is away may change while it starts again.
      expect(told(service).at(0)).toContain(' is away (');
      expect(told(service).filter((line) => line.endsWith('is back'))).toHaveLength(1);
      await rm(models, { recursive: true });
    },
  );
});
