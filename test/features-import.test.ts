import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readSettings } from '../src/config/read-settings.js';
import { type Imported, importFeatures } from '../src/features/import/feature-import.js';
import { ImportProblem } from '../src/features/import/import-problem.js';
import { SHIPPED } from './support/model-folder.js';
import { postgresDatabase, sqliteDatabase, type TestDatabase } from './support/people.js';
import { startPostgres } from './support/postgres.js';
import { ServiceProcess } from './support/process.js';
import { APPLICANT } from './support/rows.js';
import { until } from './support/until.js';

const NESTOR = join(process.cwd(), 'dist', 'cli', 'nestor.js');
const CUSTOMERS = join(process.cwd(), 'training', 'customers.csv');
const HEADER = 'customer_id,annual_income,credit_score\n';

const server = await startPostgres();
afterAll(() => server?.remove(), 30_000);

const POSTGRES: [string, (() => Promise<TestDatabase>) | undefined] = [
  'PostgreSQL',
  server && (() => postgresDatabase(server)),
];

/** `nestor` in a process of its own, as it is typed. */
class Nestor {
  stdout = '';
  stderr = '';

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
  }

  static start(words: string[], environment: Record<string, string>): Nestor {
    const env = { PATH: process.env.PATH, MODELS_DIR: SHIPPED, ...environment };
    return new Nestor(spawn(process.execPath, [NESTOR, ...words], { env, cwd: tmpdir() }));
  }

  async exit(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }
}

describe.each([['SQLite', sqliteDatabase], POSTGRES])('nestor features import into %s', (_, make) => {
  const test = make ? it : it.skip;
  let database: TestDatabase;
  const made: TestDatabase[] = [];
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-import-'));
    file = join(folder, 'file.csv');
  });
  beforeEach(async () => {
    if (!make) return;
    database = await make();
    made.push(database);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    for (const one of made) await one.remove();
  });

  const start = (words: string[], more: Record<string, string> = {}) =>
    Nestor.start(['features', 'import', ...words], { DATABASE_URL: database.url, ...more });
  const importFile = async (
    content: string,
    table?: string,
    key?: string,
    models = SHIPPED,
  ): Promise<Partial<Imported> & { problem?: string }> => {
    await writeFile(file, content);
    const settings = readSettings({ MODELS_DIR: models, DATABASE_URL: database.url });
    try {
      return await importFeatures(file, { table, key, onProgress: () => undefined }, settings);
    } catch (error) {
      expect(error).toBeInstanceOf(ImportProblem);
      return { problem: (error as Error).message };
    }
  };
  const rows = (table = 'customer_features', key = 'customer_id') =>
    database.run(`select * from ${table} order by ${key}`);
  /** PostgreSQL gives bigint as text. */
  const row = (id: string, income: number | null, score: number | null) => ({
    customer_id: id,
    annual_income: income,
    credit_score: database.isSqlite || score === null ? score : String(score),
  });

  test('makes the table that the models look features up in, and changes what is there', async () => {
    expect(await importFile(`${HEADER}A,1000,500\nB,2000.5,600\n`)).toEqual({
      table: 'customer_features',
      rows: 2,
      columns: [
        { name: 'customer_id', type: 'text' },
        { name: 'annual_income', type: 'number' },
        { name: 'credit_score', type: 'integer' },
      ],
      isNew: true,
    });
    expect(await importFile(`${HEADER}B,3000,\n007,1e3,700\n`)).toMatchObject({ rows: 2, isNew: false });
    expect(await rows()).toEqual([row('007', 1000, 700), row('A', 1000, 500), row('B', 3000, null)]);
    expect(await importFile('credit_score,customer_id\n610,B\n')).toMatchObject({ rows: 1 });
    expect((await rows()).at(-1)).toEqual(row('B', 3000, 610));
  });

  test('the README’s example works', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED, DATABASE_URL: database.url });
    const url = await service.url();
    const { income: _income, credit_score: _score, ...sent } = APPLICANT;
    const predict = async () =>
      fetch(`${url}/predict-with-preprocessing`, {
        method: 'POST',
        body: JSON.stringify({ customer_id: 'C-1001', ...sent }),
        headers: { 'Content-Type': 'application/json' },
      });
    await until(async () => (await fetch(`${url}/v1/events`)).status === 200);
    expect((await predict()).status).toBe(503);
    const nestor = start([CUSTOMERS]);
    expect(await nestor.exit()).toBe(0);
    expect(nestor.stdout).toMatch(/^20 rows are in customer_features, a new table/);
    const answer = await predict();
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ prediction_class: 'approved', model_version: '1.0.0' });
    const document = await (await fetch(`${url}/openapi.json`)).text();
    expect(document).toContain(`"example":${JSON.stringify({ customer_id: 'C-1001', ...sent })}`);
    await service.stop();
  });

  test('takes what RFC 4180 allows, and what spreadsheets write', async () => {
    const text = '\uFEFFid,note,n\r\n"a","say ""hi"", twice",1\r\n\r\nb,"two\r\nlines",\r\nc,"",3';
    expect(await importFile(text, 'notes', 'id')).toMatchObject({ rows: 3, isNew: true });
    const notes = (await rows('notes', 'id')).map(({ note }) => note);
    expect(notes).toEqual(['say "hi", twice', 'two\nlines', null]);
  });

  test('keeps what it tells from the columns', async () => {
    const text = 'id,whole,real,flag,code\n1,9223372036854775807,1.5,true,007\n2,6,2e3,false,123\n';
    await importFile(text, 'types', 'id');
    expect(await importFile('id,flag\n2,1\n', 'types', 'id')).toMatchObject({ rows: 1 });
    const [first] = await database.run('select cast(whole as text) as whole, real, code from types order by id');
    expect(first).toEqual({ whole: '9223372036854775807', real: 1.5, code: '007' });
    const flags = await database.run('select flag from types order by id');
    expect(flags.map(({ flag }) => Number(flag))).toEqual([1, 1]);
  });

  test('writes nothing of a file with a mistake, not even the table', async () => {
    const told = 'nothing was imported\nfile.csv:3: customer_id: stands on line 2 already';
    expect(await importFile(`${HEADER}A,1,1\nA,1,1\n`)).toEqual({ problem: told });
    await expect(rows()).rejects.toThrow(/customer_features/);
  });

  test('fits a table that is there: its columns, their types, its key', async () => {
    const bad = async (sql: string, content: string) => {
      await database.run(`drop table if exists mine; create table mine ${sql}`);
      return (await importFile(content, 'mine', 'id')).problem ?? '';
    };
    const mine = '(id integer primary key, score integer, day date not null)';
    expect(await bad(mine, 'id,scor,day\n1,1,2026-01-31\n')).toContain(
      'column 2 of the header is not in the table; did you mean "score"?',
    );
    expect(await bad(mine, 'id,score,day\nx,1,2026-01-31\n')).toContain('2: id: must be a whole number');
    expect(await bad(mine, 'id,score,day\n7,1,2026-01-31\n+07,1,2026-01-31\n')).toContain(
      '3: id: stands on line 2 already',
    );
    expect(await bad(mine, 'id,score,day\n7,1,\n')).toMatch(/between lines 2 and 2: mine: .*null/i);
    expect(await bad('(id text, score integer)', 'id,score\nA,1\n')).toContain(
      'column id of mine must be its primary key, or unique',
    );
    expect(await bad(mine, 'id,score,day\n7,1,2026-01-31\n')).toBe('');
    expect(await bad('(id text unique, score integer)', 'id\nA\nB\n')).toBe('');
    expect(await rows('mine', 'id')).toEqual([{ id: 'A', score: null }, { id: 'B', score: null }]); // prettier-ignore
  });

  test('it must be known which table, and which key', async () => {
    const models = await mkdtemp(join(tmpdir(), 'nestor-empty-'));
    const told = async (table?: string, key?: string) => (await importFile('a\n1\n', table, key, models)).problem;
    expect(await told()).toBe('no model in MODELS_DIR looks features up: say which --table');
    expect(await told('t')).toBe('say by which column the rows of t are told apart: --key');
    expect(await told('t; drop table events', 'a')).toContain('--table must be the name of a table');
    expect(await told('t', 'a"')).toContain('--key must be the name of a column');
    const lookup = (table: string) => `lookup: { key: a, table: ${table}, columns: { x: x } }\n`;
    for (const table of ['t', 'u']) {
      await mkdir(join(models, 'm', table), { recursive: true });
      await writeFile(join(models, 'm', table, 'signature.yaml'), lookup(table));
    }
    expect(await told()).toBe('models look features up in t, u: say which --table');
    expect(await importFile('a\n1\n', 'u', undefined, models)).toMatchObject({ table: 'u', rows: 1 });
    await rm(models, { recursive: true });
  });

  async function writeLarge(count: number, first = 0): Promise<void> {
    const handle = await open(file, 'w');
    await handle.write(HEADER);
    for (let at = 0; at < count; at += 10_000) {
      const lines = Array.from({ length: Math.min(10_000, count - at) }, (_line, index) => {
        const n = at + index;
        return `K-${n},${first + n}.5,${300 + (n % 550)}\n`;
      });
      await handle.write(lines.join(''));
    }
    await handle.close();
  }
  const counted = async (): Promise<number> => {
    const [{ n } = { n: 0 }] = await database.run('select count(*) as n from customer_features').catch(() => []);
    return Number(n);
  };

  test('200,000 rows take no more memory than a few, and the service answers all the while', async () => {
    const service = await ServiceProcess.start({
      MODELS_DIR: SHIPPED,
      DATABASE_URL: database.url,
      LOG_REQUESTS: 'off',
    });
    const url = await service.url();
    await until(async () => (await fetch(`${url}/v1/events`)).status === 200);
    await importFile(`${HEADER}K-0,1,300\n`);
    const statuses = new Set<number>();
    const stopping = new AbortController();
    const { signal } = stopping;
    const client = (async () => {
      while (!signal.aborted) {
        const body = JSON.stringify({ ...APPLICANT, customer_id: 'K-0' });
        const headers = { 'Content-Type': 'application/json' };
        const answer = await fetch(`${url}/predict-with-preprocessing`, { method: 'POST', body, headers });
        await answer.text();
        statuses.add(answer.status);
        await sleep(10);
      }
    })();
    await writeLarge(200_000, 1000);
    // All the rows would be 60 MB as JavaScript has them.
    const nestor = start([file], { NODE_OPTIONS: '--max-old-space-size=40' });
    const code = await nestor.exit();
    stopping.abort();
    await client;
    expect({ code, told: nestor.stderr }).toEqual({ code: 0, told: '' }); // progress is for terminals
    expect(nestor.stdout).toMatch(/^200,000 rows are in customer_features: /);
    expect(await counted()).toBe(200_000);
    expect([...statuses]).toEqual([200]);
    expect(service.log.map(({ msg }) => msg)).not.toContainEqual(expect.stringContaining('is away'));
    await service.stop();
  }, 120_000);

  test('killed half-way it leaves whole rows, and is repeated', async () => {
    await writeLarge(60_000);
    const nestor = start([file]);
    await until(async () => (await counted()) > 0);
    nestor.child.kill('SIGKILL');
    await nestor.exit();
    // PostgreSQL may still be busy with the last statement: all of it counts, or nothing.
    const [some] = await database.run('select count(*) as n, count(credit_score) as whole from customer_features');
    expect(Number(some?.n) % 1000).toBe(0);
    expect(Number(some?.n)).toBeLessThan(60_000);
    expect(some?.whole).toBe(some?.n);
    expect(await start([file]).exit()).toBe(0);
    expect(await counted()).toBe(60_000);
  }, 120_000);
});

describe('nestor features import', () => {
  it.each([
    [[], 'name one file'],
    [['a.csv', 'b.csv'], 'name one file'],
    [['a.csv', '--tabel', 't'], "Unknown option '--tabel'"],
  ])('%j is no way to use it', async (words, told) => {
    const nestor = Nestor.start(['features', 'import', ...words], {});
    expect(await nestor.exit()).toBe(2);
    expect(nestor.stderr).toContain(`nestor: ${told}`);
    expect(nestor.stderr).toContain('usage: nestor features import FILE.csv [--table TABLE] [--key COLUMN]');
  });

  it('a file that is not there, or is a folder: one line', async () => {
    const DATABASE_URL = `sqlite:${join(await mkdtemp(join(tmpdir(), 'nestor-')), 'x.db')}`;
    const told = async (path: string) => {
      const nestor = Nestor.start(['features', 'import', path], { DATABASE_URL });
      expect(await nestor.exit()).toBe(1);
      return nestor.stderr;
    };
    expect(await told('none.csv')).toBe('nestor: none.csv cannot be read (ENOENT)\n');
    expect(await told(tmpdir())).toMatch(/^nestor: \w+ cannot be read \(EISDIR\)\n$/);
  });

  it.each([
    ['sqlite::memory:', /DATABASE_URL is sqlite::memory:/],
    ['sqlite:/nowhere/at/all/nestor.db', /database \/nowhere\/at\/all\/nestor\.db is away \(its folder is not there\)/],
    ['postgres://user:hunter2@127.0.0.1:9/x', /database postgres:\/\/127\.0\.0\.1:9\/x is away \(connection refused\)/],
  ])('%s: one line', async (DATABASE_URL, line) => {
    const nestor = Nestor.start(['features', 'import', CUSTOMERS], { DATABASE_URL });
    expect(await nestor.exit()).toBe(1);
    expect(nestor.stderr).toMatch(line);
    expect(nestor.stderr.trim().split('\n')).toHaveLength(1);
    expect(nestor.stderr).not.toContain('hunter2');
  });
});
