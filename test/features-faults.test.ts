import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type ModelFolder } from './support/model-folder.js';
import { ANN, makePeople, peopleModel, postgresDatabase, sqliteDatabase, type TestDatabase } from './support/people.js';
import { type PostgresServer, startPostgres } from './support/postgres.js';
import { ServiceProcess } from './support/process.js';
import { until } from './support/until.js';

/** What a statement may take; PostgreSQL breaks off what reads after three quarters of it. */
const TIMEOUT_MS = 600;
/** Both cores have much else to do. */
const PATIENCE_MS = 4000;

interface Outcome {
  status: number;
  code: string | undefined;
  retryAfter: string | null;
  outputs: unknown;
  ms: number;
}

async function ask(
  url: string,
  body: object,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Outcome> {
  const started = performance.now();
  const answer = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(signal && { signal }),
  });
  const { code, outputs } = (await answer.json()) as { code?: string; outputs?: unknown };
  const retryAfter = answer.headers.get('retry-after');
  return { status: answer.status, code, retryAfter, outputs, ms: performance.now() - started };
}

/** Clients that ask without a pause, until they are told to stop. */
class Clients {
  readonly outcomes: Outcome[] = [];
  private isGoing = true;
  private readonly ended: Promise<unknown>;

  constructor(count: number, askOne: () => Promise<Outcome>) {
    const client = async () => {
      while (this.isGoing) {
        const outcome = await askOne();
        this.outcomes.push(outcome);
        if (outcome.status !== 200) await sleep(20); // as one that was told to come back
      }
    };
    this.ended = Promise.all(Array.from({ length: count }, client));
  }

  async answered(more: number): Promise<void> {
    const wanted = this.outcomes.length + more;
    await until(() => this.outcomes.length >= wanted);
  }

  async stop(): Promise<void> {
    this.isGoing = false;
    await this.ended;
  }

  get statuses(): string[] {
    return [
      ...new Set(this.outcomes.map(({ status, code }) => `${status}${code === undefined ? '' : ` ${code}`}`)),
    ].sort();
  }

  get slowestMs(): number {
    return Math.max(...this.outcomes.map(({ ms }) => ms));
  }
}

const told = (service: ServiceProcess) =>
  service.log.map(({ msg }) => String(msg)).filter((msg) => /^Database|looks up features/.test(msg));

const server = await startPostgres();

(server ? describe : describe.skip)('features stored in PostgreSQL, while 100 clients ask', () => {
  const postgres = server as PostgresServer;
  let database: TestDatabase;
  let folder: ModelFolder;
  beforeAll(async () => {
    database = await postgresDatabase(postgres);
    folder = await peopleModel();
    await folder.copyShipped('iris');
    await folder.write('people/model.yaml', 'primary: true\n');
    await makePeople(database);
  });
  afterAll(async () => {
    await folder.remove();
    await postgres.remove();
  }, 30_000);

  async function started(more: Record<string, string> = {}) {
    const service = await ServiceProcess.start({
      MODELS_DIR: folder.path,
      QUIET_MS: '0',
      LOG_REQUESTS: 'off',
      DATABASE_URL: database.url,
      DATABASE_TIMEOUT_MS: String(TIMEOUT_MS),
      ...more,
    });
    const url = await service.url();
    const lookUp = (headers = {}, signal?: AbortSignal) =>
      ask(`${url}/predict-with-preprocessing`, { id: '1', age: 30 }, headers, signal);
    await until(async () => (await lookUp()).status === 200);
    return { service, url, lookUp };
  }

  /** Nobody reads the table meanwhile. */
  async function lock(): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin; lock table people in access exclusive mode');
    return async () => {
      await client.query('rollback');
      await client.end();
    };
  }

  const FAULTS: [string, () => Promise<() => Promise<void>>][] = [
    [
      'killed, and started again',
      async () => {
        await postgres.kill();
        return () => postgres.start();
      },
    ],
    [
      'frozen, and thawed',
      () => {
        postgres.freeze();
        const thaw = () => {
          postgres.thaw();
          return Promise.resolve();
        };
        return Promise.resolve(thaw);
      },
    ],
  ];

  it.each(FAULTS)('%s: 503 until it is back, and nobody else is touched', async (_, breakIt) => {
    const { service, url, lookUp } = await started();
    const clients = new Clients(100, lookUp);
    const flower = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };
    const others = new Clients(2, () => ask(`${url}/v1/models/iris/predict`, flower));
    await clients.answered(300);
    const mend = await breakIt();
    const before = clients.outcomes.length;
    await until(() => clients.outcomes.slice(before).filter(({ status }) => status === 503).length > 300);
    await mend();
    await until(() => clients.outcomes.slice(-100).every(({ status }) => status === 200));
    await Promise.all([clients.stop(), others.stop()]);
    expect(clients.statuses).toEqual(['200', '503 dependency_unavailable']);
    const refused = clients.outcomes.filter(({ status }) => status === 503);
    expect(new Set(refused.map(({ retryAfter }) => retryAfter))).toEqual(new Set(['5']));
    for (const { status, outputs } of clients.outcomes) if (status === 200) expect(outputs).toEqual(ANN);
    expect(clients.slowestMs).toBeLessThan(TIMEOUT_MS + PATIENCE_MS);
    expect(others.statuses).toEqual(['200']);
    expect(await service.stop()).toBe(0);
    expect(told(service)[0]).toMatch(/^Database .* is away/);
    expect(told(service).filter((line) => line.endsWith('is back'))).toHaveLength(1);
    expect(service.stderr).toBe('');
  });

  it('a table that is locked for long is slow, which is not the database being away', async () => {
    const { service, lookUp } = await started();
    const clients = new Clients(100, lookUp);
    await clients.answered(300);
    const unlock = await lock();
    const before = clients.outcomes.length;
    await until(() => clients.outcomes.slice(before).filter(({ status }) => status === 503).length > 100);
    await unlock();
    await until(() => clients.outcomes.slice(-100).every(({ status }) => status === 200));
    await clients.stop();
    expect(clients.statuses).toEqual(['200', '503 dependency_unavailable']);
    expect(clients.slowestMs).toBeLessThan(TIMEOUT_MS + PATIENCE_MS);
    await service.stop();
    expect(told(service)).toEqual([expect.stringContaining('canceling statement due to statement timeout')]);
  });

  it('a caller is answered at its deadline, and one who leaves is not looked up', async () => {
    const { service, url, lookUp } = await started({ DATABASE_TIMEOUT_MS: '20000', DATABASE_POOL_MAX: '3' });
    const keys = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/nestor_lookup_keys_per_query_sum\{.*\} (\d+)/.exec(text)?.[1]);
    };
    const unlock = await lock();
    const under = lookUp(); // the one query that may be under way
    await sleep(100);
    const before = await keys();
    const late = await lookUp({ 'X-Request-Timeout-Ms': '100' });
    expect(late).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    expect(late.ms).toBeLessThan(100 + PATIENCE_MS);
    const controller = new AbortController();
    const leaving = Array.from({ length: 50 }, () => lookUp({}, controller.signal).catch(() => undefined));
    await sleep(200);
    controller.abort();
    await Promise.all(leaving);
    await sleep(100);
    const staying = ask(`${url}/predict-with-preprocessing`, { id: '2', age: 30 });
    await unlock();
    expect((await under).outputs).toEqual(ANN);
    expect((await staying).status).toBe(200);
    expect((await keys()) - before).toBe(1);
    await service.stop();
  });

  it('no more wait than may: 503 at once', async () => {
    const { service, lookUp } = await started({ QUEUE_LIMIT: '20' });
    const unlock = await lock();
    const outcomes = await Promise.all(Array.from({ length: 200 }, () => lookUp()));
    const refused = outcomes.filter(({ code }) => code === 'overloaded');
    expect(refused.length).toBeGreaterThan(100);
    expect(new Set(refused.map(({ retryAfter }) => retryAfter))).toEqual(new Set(['1']));
    await unlock();
    await until(async () => (await lookUp()).status === 200);
    await service.stop();
  });

  it('a version that is taken out answers who waits for stored features', async () => {
    const { service, url, lookUp } = await started({ DATABASE_TIMEOUT_MS: '20000' });
    const unlock = await lock();
    const waiting = Array.from({ length: 20 }, () => lookUp());
    await sleep(200);
    const unload = fetch(`${url}/v1/models/people/versions/1/unload?force=true`, { method: 'POST' });
    await until(async () => (await lookUp({ 'X-Request-Timeout-Ms': '1000' })).code === 'model_unavailable');
    await unlock();
    for (const { status, outputs } of await Promise.all(waiting))
      expect({ status, outputs }).toEqual({ status: 200, outputs: ANN });
    expect((await unload).status).toBe(200);
    await fetch(`${url}/v1/models/people/versions/1/load`, { method: 'POST' });
    expect((await lookUp()).status).toBe(200);
    expect(await service.stop()).toBe(0);
    expect(service.stderr).toBe('');
  });

  it('what is stored, and by which key, stands in no log', async () => {
    const { service, lookUp } = await started({ LOG_LEVEL: 'trace', LOG_REQUESTS: 'both' });
    await database.run(
      "insert into people select 'secret-key', -12345, score, vip, tier, debt, vec from people where id = '1'",
    );
    expect((await ask(`${await service.url()}/predict-with-preprocessing`, { id: 'secret-key', age: 30 })).status).toBe(
      500,
    );
    expect((await lookUp()).status).toBe(200);
    await service.stop();
    expect(service.stdout).not.toMatch(/secret-key|12345|100\.25/);
    expect(service.stdout).toContain('Column annual of people');
  });
});

describe('features stored in SQLite', () => {
  it('are read while others write, and while the service itself waits to', async () => {
    const database = await sqliteDatabase();
    const folder = await peopleModel();
    const service = await ServiceProcess.start({
      MODELS_DIR: folder.path,
      LOG_REQUESTS: 'off',
      DATABASE_URL: database.url,
      DATABASE_TIMEOUT_MS: '30000',
    });
    const url = await service.url();
    await until(async () => (await fetch(`${url}/v1/events`)).status === 200);
    await makePeople(database);
    const writer = new DatabaseSync(database.url.slice('sqlite:'.length));
    writer.exec("begin immediate; update people set annual = 1 where id = '1'");
    const event = fetch(`${url}/v1/models/people/versions/1/load`, { method: 'POST' }); // wants to write
    const clients = new Clients(10, () => ask(`${url}/predict-with-preprocessing`, { id: '1', age: 30 }));
    await sleep(4000);
    await clients.stop();
    writer.exec('commit');
    writer.close();
    expect(clients.statuses).toEqual(['200']);
    expect(clients.slowestMs).toBeLessThan(3000);
    expect(clients.outcomes[0]?.outputs).toEqual(ANN); // what was written is not there yet
    expect((await event).status).toBe(200);
    const { outputs } = await ask(`${url}/predict-with-preprocessing`, { id: '1', age: 30 });
    expect(outputs).toMatchObject({ x_out: [30, 1, 7, 1, 2, 0.25] });
    await service.stop();
    await folder.remove();
    await database.remove();
  });
});
