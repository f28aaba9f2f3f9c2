import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type FieldProblem } from '../src/common/errors.js';
import { type JsonSchema } from '../src/common/json-schema/json-schema.js';
import { type ModelFolder } from './support/model-folder.js';
import {
  ANN,
  BOB,
  makePeople,
  PEOPLE_SIGNATURE,
  peopleModel,
  postgresDatabase,
  sqliteDatabase,
  type TestDatabase,
} from './support/people.js';
import { type PostgresServer, query, startPostgres } from './support/postgres.js';
import { type Answer, Service } from './support/service.js';
import { until } from './support/until.js';

const BY_KEY = '/predict-with-preprocessing';
const VERSION = '/v1/models/people/versions/1';
const COMPLETE = { age: 30, income: 1, score: 2, vip: false, tier: 'silver', debt: null, vector: [5, 6] };

const server = await startPostgres();
afterAll(() => server?.remove(), 30_000);

const POSTGRES: [string, (() => Promise<TestDatabase>) | undefined] = [
  'PostgreSQL',
  server && (() => postgresDatabase(server)),
];

describe.each([['SQLite', sqliteDatabase], POSTGRES])('features stored in %s', (_, make) => {
  const test = make ? it : it.skip;
  let database: TestDatabase;
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    if (!make) return;
    database = await make();
    folder = await peopleModel();
    await folder.write('people/2/model.onnx', await folder.read('people/1/model.onnx'));
    await folder.write('people/2/signature.yaml', PEOPLE_SIGNATURE.replace(/lookup:[^]*/, ''));
    await folder.write('people/model.yaml', 'default: "1"\nlabels: { stable: "1", plain: "2" }\n');
    service = await Service.start({ MODELS_DIR: folder.path, DATABASE_URL: database.url, MAX_BATCH_SIZE: '100000' });
    await until(async () => (await service.get('/v1/events')).status === 200); // the database is there
  });
  beforeEach(async () => {
    if (make) await makePeople(database);
  });
  afterAll(async () => {
    if (!make) return;
    await service.stop();
    await folder.remove();
    await database.remove();
  });

  const ask = (id: unknown, path = BY_KEY) => service.post(path, { id, age: 30 });
  const set = (assignments: string) => database.run(`update people set ${assignments} where id = '1'`);
  const figure = async (name: string) => {
    const { text } = await service.get('/metrics');
    const lines = text.split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const expectProblem = ({ status, json }: Answer, code: string, errors: object[]) => {
    expect({ status, code: json.code as string }).toEqual({ status: STATUS[code], code });
    expect(json.errors).toEqual(errors.map((error) => expect.objectContaining(error)));
  };

  test('every type arrives as the schema has it', async () => {
    expect(await ask('1')).toMatchObject({ status: 200, json: { outputs: ANN, model_version: '1' } });
    expect(await ask('2')).toMatchObject({ status: 200, json: { outputs: BOB } });
    expect((await ask('1')).headers.get('server-timing')).toMatch(/^lookup;dur=\d+\.\d+, queue;dur=/);
  });

  test('what is stored wins over what is sent, and is what is there now', async () => {
    const sent = { id: '1', ...COMPLETE };
    expect((await service.post(BY_KEY, sent)).json.outputs).toEqual(ANN);
    await set('annual = 7');
    expect((await service.post(BY_KEY, sent)).json.outputs.x_out[1]).toBe(7);
  });

  test.each([BY_KEY, '/predict', '/v1/models/people/predict', `${VERSION}/predict`])(
    '%s looks up a row that gives the key',
    async (path) => {
      expect((await ask('1', path)).json.outputs).toEqual(ANN);
    },
  );

  test('a row without the key is complete by itself, or is told what it lacks', async () => {
    expect((await service.post('/predict', COMPLETE)).json.outputs.v_out).toEqual([5, 6]);
    const { json } = await service.post('/predict', { age: 30 });
    expect((json.errors as FieldProblem[]).map(({ path }) => path)).toEqual([
      '/income',
      '/score',
      '/vip',
      '/tier',
      '/vector',
    ]);
    expectProblem(await service.post(BY_KEY, COMPLETE), 'validation_failed', [{ path: '/id', code: 'missing' }]);
  });

  test('what was sent is checked before anything is looked up', async () => {
    const asked = await figure('nestor_lookup_keys_per_query_count');
    expectProblem(await service.post(BY_KEY, { id: 'nobody', age: 'old', income: -1, incme: 1 }), 'validation_failed', [
      { path: '/incme', code: 'unknown', message: expect.stringContaining('did you mean "income"') },
      { path: '/age', code: 'type' },
      { path: '/income', code: 'range' },
    ]);
    for (const id of [null, 1.5, true, {}, [], 2 ** 53])
      expectProblem(await ask(id), 'validation_failed', [{ path: '/id', code: expect.stringMatching(/type|range/) }]);
    for (const row of ['null', '[]', '7', '"x"', '{"id":"1","age":30,"__proto__":{}}', '{"id":"1","constructor":1}'])
      expect((await service.send(BY_KEY, row)).status).toBe(400);
    expect(await figure('nestor_lookup_keys_per_query_count')).toBe(asked);
  });

  test('a version without lookup knows no key', async () => {
    const headers = { 'X-Model-Version': 'plain' };
    expect((await service.post('/predict', COMPLETE, headers)).status).toBe(200);
    expectProblem(await service.post('/predict', { ...COMPLETE, id: '1' }, headers), 'validation_failed', [
      { path: '/id', code: 'unknown' },
    ]);
    const refused = await service.post(BY_KEY, { id: '1', age: 30 }, headers);
    expect(refused.status).toBe(400);
    expect(refused.json.detail).toContain('Version 2 of people has no stored features');
  });

  test('a batch is looked up in one query, each key once, and names the rows of unknown keys', async () => {
    const rows = Array.from({ length: 1000 }, (_row, index) => ({ id: String((index % 2) + 1), age: 30 }));
    const before = await figure('nestor_lookup_keys_per_query_count');
    const { json } = await service.post('/predict/batch', { requests: [...rows, COMPLETE] });
    const outputs = (json.predictions as Answer['json'][]).map((prediction) => prediction.outputs as typeof ANN);
    expect(outputs.slice(0, 3)).toEqual([ANN, BOB, ANN]);
    expect(outputs[1000]?.v_out).toEqual([5, 6]);
    expect(await figure('nestor_lookup_keys_per_query_count')).toBe(before + 1);
    const some = [rows[0], { id: 'x', age: 30 }, COMPLETE, { id: '07', age: 30 }];
    const refused = await service.post('/v1/models/people/predict/batch', { requests: some });
    expectProblem(refused, 'features_not_found', [{ path: '/requests/1/id' }, { path: '/requests/3/id' }]);
    expect(refused.json.detail).toContain('2 rows, the first at /requests/1/id');
  });

  test('tens of thousands of keys go in one query', async () => {
    const from = database.isSqlite
      ? 'with recursive n(i) as (select 10 union all select i + 1 from n where i < 20009)'
      : 'with n as (select generate_series(10, 20009) as i)';
    const vector = database.isSqlite ? "'[1,1]'" : "'{1,1}'::float8[]";
    await database.run(
      `insert into people ${from} select cast(i as text), i, 1, true, 'gold', 0, ${vector} from n`.replace(
        /^insert into people (with.*\)) (select cast)/,
        '$1 insert into people $2',
      ),
    );
    const before = await figure('nestor_lookup_keys_per_query_count');
    const requests = Array.from({ length: 20_000 }, (_row, index) => ({ id: index + 10, age: 30 }));
    const { status, json } = await service.post('/predict/batch', { requests });
    expect(status).toBe(200);
    const [last] = (json.predictions as Answer['json'][]).slice(-1);
    expect(last?.outputs.x_out[1]).toBe(20_009);
    expect(await figure('nestor_lookup_keys_per_query_count')).toBe(before + 1);
  });

  test('requests of one moment share a query', async () => {
    const before = await figure('nestor_lookup_keys_per_query_count');
    const answers = await atOnce(
      service.url,
      Array.from({ length: 50 }, (_row, index) => ({ id: (index % 2) + 1, age: 30 })),
    );
    expect(answers).toEqual(Array.from({ length: 50 }, (_row, index) => (index % 2 === 0 ? ANN : BOB)));
    expect((await figure('nestor_lookup_keys_per_query_count')) - before).toBeLessThan(10);
  });

  test.each([
    "' or '1'='1",
    "1' --",
    '"; drop table people; --',
    '1\\',
    '%',
    '$1',
    '?',
    '{1}',
    '["1"]',
    '1\0',
    '\ud800',
    '',
    ' 1',
    '1 ',
    '01',
    '1e0',
    '__proto__',
    'constructor',
    'hasOwnProperty',
    '🙂',
    'x'.repeat(100_000),
  ])('finds nothing for the key %j', async (id) => {
    const answer = await ask(id);
    expectProblem(answer, 'features_not_found', [{ path: '/id', code: 'not_found' }]);
    if (id.length > 3) expect(answer.text).not.toContain(id);
    expect((await ask('1')).status).toBe(200);
  });

  test('7 and "7" are one key', async () => {
    expect((await ask(1)).json.outputs).toEqual(ANN);
    expect((await ask(-1)).status).toBe(404);
  });

  test.each([
    ['annual = -5', 'income', 'annual', 'range'],
    ['annual = null', 'income', 'annual', 'missing'],
    ['score = null', 'score', 'score', 'missing'],
    ['score = 9007199254740993', 'score', 'score', 'type'],
    ['vip = null', 'vip', 'vip', 'missing'],
    ["tier = 'platinum'", 'tier', 'tier', 'not_allowed'],
    ['vec = null', 'vector', 'vec', 'missing'],
  ])('%s is told by its column, and never its value', async (assignment, feature, column, code) => {
    await set(assignment);
    const one = await ask('1');
    expectProblem(one, 'stored_features_invalid', [{ path: `/${feature}`, code }]);
    expect(one.json.detail).toContain(`column "${column}"`);
    const { request_id: _, ...told } = one.json;
    expect(JSON.stringify(told)).not.toMatch(/-5|9007199254740993|platinum/);
    const requests = [{ id: '2', age: 30 }, { id: '1', age: 30 }]; // prettier-ignore
    const batch = await service.post('/predict/batch', { requests });
    expectProblem(batch, 'stored_features_invalid', [{ path: `/requests/1/${feature}`, code }]);
  });

  test('all that is wrong with stored values is told at once', async () => {
    await set("annual = -5, tier = 'x'");
    const { json } = await ask('1');
    expect(json.errors).toHaveLength(2);
    expect(json.detail).toMatch(/2 problems/);
  });

  test('a null is the default, or null where the schema allows that', async () => {
    await set('debt = null');
    expect((await service.post(BY_KEY, { id: '1', age: 30, debt: 0.75 })).json.outputs.x_out[5]).toBe(0.5);
  });

  test.each([
    ['its table', 'drop table people', 'people'],
    ['a column', 'alter table people rename column tier to rank', 'tier'],
  ])(
    '%s is not there: 503, the log and the version say why, and the database is up',
    async (_what, change, missing) => {
      await database.run(change);
      const refused = await ask('1');
      expect(refused).toMatchObject({ status: 503, json: { code: 'dependency_unavailable' } });
      expect(refused.headers.get('retry-after')).toBe('5');
      expect(refused.text).not.toMatch(/select|table|column|relation|people"|annual/i);
      const { warnings } = (await service.get(VERSION)).json;
      expect(warnings).toEqual([expect.stringMatching(new RegExp(`^stored features: .*${missing}`))]);
      expect((await service.get('/health/ready')).json.details.database.status).toBe('up');
      expect((await service.post('/predict', COMPLETE)).status).toBe(200);
      await makePeople(database);
      expect((await ask('1')).json.outputs).toEqual(ANN);
      await until(async () => (await service.get(VERSION)).json.warnings === undefined);
    },
  );

  test('it is looked for though nobody asks', async () => {
    await database.run('drop table people');
    await until(async () => (await service.get(VERSION)).json.warnings !== undefined);
  });

  test('a key with several rows is an error, not one of them', async () => {
    await makePeople(database, 'text');
    await database.run("insert into people select * from people where id = '1'");
    expectProblem(await ask('1'), 'stored_features_invalid', [{ path: '/id', code: 'several' }]);
    expect((await ask('2')).json.outputs).toEqual(BOB);
    for (let double = 0; double < 7; double++)
      await database.run("insert into people select * from people where id = '1'");
    expect(await ask('1')).toMatchObject({ status: 503 });
    expect((await service.get(VERSION)).json.warnings).toEqual([expect.stringContaining('same value in many rows')]);
    expect((await ask('2')).json.outputs).toEqual(BOB);
  });

  test('whole numbers as keys: what is none is not there', async () => {
    await makePeople(database, 'bigint primary key');
    await until(async () => (await ask(1)).status === 200);
    const ids = [2, '2', '02', '2.0', ' 2', 'abc', '9223372036854775808', '-0', '1e0'];
    const answers = await Promise.all(ids.map((id) => ask(id)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 404, 404, 404, 404, 404, 404]);
  });

  test('the document shows the key, and does not ask for what is stored', async () => {
    const { paths, components } = (await service.get('/openapi.json')).json;
    const { requestBody, responses } = paths[BY_KEY].post as Operation;
    const { schema, example } = requestBody.content['application/json'];
    expect(schema.required).toEqual(['id', 'age']);
    expect(Object.keys(schema.properties ?? {})).toEqual(['id', ...Object.keys(COMPLETE)]);
    expect(example).toEqual({ id: 'x', age: 30 });
    expect(components.schemas['people-1'].anyOf).toEqual([
      { required: ['id'] },
      { required: ['income', 'score', 'vip', 'tier', 'vector'] },
    ]);
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['404', '500', '503']));
    expect((await service.get(VERSION)).json.signature.lookup).toEqual({
      key: 'id',
      table: 'people',
      columns: { income: 'annual', score: 'score', vip: 'vip', tier: 'tier', debt: 'debt', vector: 'vec' },
    });
  });
});

/** What is answered to rows that arrive in one piece, on one connection. */
async function atOnce(url: string, rows: object[]): Promise<unknown[]> {
  const { hostname, port } = new URL(url);
  const requests = rows.map((row, index) => {
    const body = JSON.stringify(row);
    const close = index === rows.length - 1 ? 'Connection: close\r\n' : '';
    const head = `POST ${BY_KEY} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${close}`;
    return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  });
  const socket = connect(Number(port), hostname);
  socket.write(requests.join(''));
  const answers = (await text(socket)).matchAll(/\r\n\r\n(\{.*?\})(?=HTTP|$)/g);
  return [...answers].map(([, body = '']) => (JSON.parse(body) as Answer['json']).outputs as unknown);
}

interface Operation {
  requestBody: { content: { 'application/json': { schema: JsonSchema; example: unknown } } };
  responses: object;
}

const STATUS: Record<string, number> = {
  validation_failed: 400,
  features_not_found: 404,
  stored_features_invalid: 500,
};

(server ? describe : describe.skip)('keys in PostgreSQL', () => {
  const postgres = server as PostgresServer;
  let database: TestDatabase;
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    database = await postgresDatabase(postgres);
    folder = await peopleModel(PEOPLE_SIGNATURE.replace('table: people', 'table: crm.people'));
    await database.run('create schema crm');
  });
  beforeEach(async () => {
    service = await Service.start({ MODELS_DIR: folder.path, DATABASE_URL: database.url });
  });
  afterEach(() => service.stop());
  afterAll(() => folder.remove());

  it.each([
    ['numeric(20) primary key', '1', ['01', '1.0', 'x', '9'.repeat(200)]],
    ['smallint primary key', '2', ['32768', '-32769', '2147483648', 'x']],
    ['varchar(10) primary key', '1', ['1 ', 'x']],
    ['char(10) primary key', '1', ['1 ', 'x', `1${' '.repeat(9)}`]],
  ])('%s', async (key, there, others) => {
    await makePeople(database, key, 'crm.people');
    const statuses = await Promise.all(
      [there, ...others].map(async (id) => (await service.post(BY_KEY, { id, age: 30 })).status),
    );
    expect(statuses).toEqual([200, ...others.map(() => 404)]);
  });

  it('UUIDs are found in capitals, too', async () => {
    const id = '0b9f3a52-3a3e-4f5e-9d53-7b1f3a3f6a10';
    await makePeople(database, 'text', 'crm.people');
    await database.run(`update crm.people set id = '${id}' where id = '1'; delete from crm.people where id = '2';
      alter table crm.people alter id type uuid using id::uuid`);
    const statuses = [id, id.toUpperCase(), `{${id}}`, id.replaceAll('-', ''), 'x'].map(
      async (key) => (await service.post(BY_KEY, { id: key, age: 30 })).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 200, 404, 404, 404]);
  });

  it('a key that cannot be told from its neighbours is refused: floats', async () => {
    await makePeople(database, 'float8', 'crm.people');
    expect((await service.post(BY_KEY, { id: 1, age: 30 })).status).toBe(503);
    const { warnings } = (await service.get(VERSION)).json;
    expect(warnings).toEqual([expect.stringContaining('no text, whole numbers or UUIDs: FLOAT8')]);
  });

  it('a table that may not be read is told, and the database is up', async () => {
    const name = `reader_${Date.now()}`;
    await database.run(`create role ${name} login`);
    await database.run(`create database ${name} owner ${name}`);
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    const theirs = { ...database, run: (sql: string) => query(url.href, sql) };
    await theirs.run(`create schema crm; grant usage on schema crm to ${name}`);
    await makePeople(theirs, 'text primary key', 'crm.people');
    const own = new URL(url);
    own.username = name;
    const other = await Service.start({ MODELS_DIR: folder.path, DATABASE_URL: own.href });
    try {
      await until(async () => (await other.get('/v1/events')).status === 200);
      expect((await other.post(BY_KEY, { id: '1', age: 30 })).status).toBe(503);
      const { warnings } = (await other.get(VERSION)).json;
      expect(warnings).toEqual([expect.stringContaining('permission denied for table people')]);
      expect((await other.get('/health/ready')).json.details.database.status).toBe('up');
    } finally {
      await other.stop();
    }
  });

  it('a database in another encoding does not have what it cannot write', async () => {
    const name = `latin_${Date.now()}`;
    await database.run(`create database ${name} encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0`);
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    const latin = { ...database, url: url.href, run: (sql: string) => query(url.href, sql) };
    await latin.run('create schema crm');
    await makePeople(latin, 'text primary key', 'crm.people');
    const other = await Service.start({ MODELS_DIR: folder.path, DATABASE_URL: url.href });
    try {
      const ids = ['1', '🙂', '2', 'č', 'é'];
      const answers = await Promise.all(ids.map((id) => other.post(BY_KEY, { id, age: 30 })));
      expect(answers.map(({ status }) => status)).toEqual([200, 404, 200, 404, 404]);
    } finally {
      await other.stop();
    }
  });
});
