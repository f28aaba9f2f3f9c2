import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ModelFolder } from './model-folder.js';
import { identityModel } from './onnx.js';
import { emptyDatabase, type PostgresServer, query } from './postgres.js';

/** A model that answers with what it was given: `x` holds the single features in their order, `v` the vector. */
const MODEL = identityModel({ name: 'x', shape: ['N', 6] }, { name: 'v', shape: ['N', 2] });

export const PEOPLE_SIGNATURE = `
features:
  type: object
  required: [age, income, score, vip, tier, vector]
  properties:
    age: { type: integer, minimum: 0, examples: [30] }
    income: { type: number, minimum: 0, maximum: 1000000 }
    score: { type: integer, minimum: 0, maximum: 1000 }
    vip: { type: boolean }
    tier: { enum: [bronze, silver, gold] }
    debt: { type: [number, 'null'], default: 0.5, minimum: 0 }
    vector: { type: array, items: { type: number }, minItems: 2, maxItems: 2 }
inputs: { x: [age, income, score, vip, { ordinal: tier }, debt], v: vector }
lookup:
  key: id
  table: people
  columns: { income: annual, score: score, vip: vip, tier: tier, debt: debt, vector: vec }
`;

/** A folder with that model, the only one: it answers /predict. */
export async function peopleModel(signature = PEOPLE_SIGNATURE): Promise<ModelFolder> {
  return ModelFolder.with({ 'people/1/model.onnx': MODEL, 'people/1/signature.yaml': signature });
}

/** A database that others write to as well. */
export interface TestDatabase {
  url: string;
  isSqlite: boolean;
  run(sql: string): Promise<Record<string, unknown>[]>;
  remove(): Promise<void>;
}

export async function sqliteDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'nestor-features-'));
  const path = join(folder, 'nestor.db');
  return {
    url: `sqlite:${path}`,
    isSqlite: true,
    // eslint-disable-next-line @typescript-eslint/require-await -- node:sqlite is synchronous, PostgreSQL is not
    run: async (sql) => {
      const database = new DatabaseSync(path, { timeout: 5000 });
      try {
        if (/^select/i.test(sql))
          return database
            .prepare(sql)
            .all()
            .map((row) => ({ ...row }));
        database.exec(sql);
        return [];
      } finally {
        database.close();
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export async function postgresDatabase(server: PostgresServer): Promise<TestDatabase> {
  const url = await emptyDatabase(server);
  return { url, isSqlite: false, run: (sql) => query(url, sql), remove: () => Promise.resolve() };
}

/** Makes the table that the model looks features up in, with Ann and Bob. */
export async function makePeople(database: TestDatabase, key = 'text primary key', table = 'people'): Promise<void> {
  const { isSqlite } = database;
  const types = isSqlite
    ? 'annual real, score integer, vip boolean, tier text, debt real, vec text'
    : 'annual numeric(12, 2), score bigint, vip boolean, tier text, debt float8, vec float8[]';
  const vector = (text: string) => (isSqlite ? `'[${text}]'` : `'{${text}}'`);
  await database.run(`drop table if exists ${table}; create table ${table} (id ${key}, ${types})`);
  await database.run(`insert into ${table} values
    ('1', 100.25, 7, true, 'gold', 0.25, ${vector('1, 2.5')}),
    ('2', 50, 8, false, 'bronze', null, ${vector('3, 4')})`);
}

/** What the model answers for Ann (1) and Bob (2), aged 30. */
export const ANN = { x_out: [30, 100.25, 7, 1, 2, 0.25], v_out: [1, 2.5] };
export const BOB = { x_out: [30, 50, 8, 0, 0, 0.5], v_out: [3, 4] };
