import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { nestor } from '../lanes/nestor/lane.ts';
import { makeCreditRisk } from '../setup/credit-risk.ts';
import { measure } from './compare.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { creditRiskRow } from './credit-risk-rows.ts';
import { needWrk } from './load.ts';
import { ROOT, WORK } from './places.ts';
import { run } from './processes.ts';
import { progress } from './progress.ts';
import { type RedisServer } from './redis-server.ts';
import { JSON_HEADERS, type Scenario, SCENARIOS } from './scenario.ts';
import { Server } from './server.ts';
import { shuffled } from './statistics.ts';
import { type LaneWindows, type Window } from './windows.ts';

/** A server with something turned on, and the requests that meet it. */
interface Way {
  name: string;
  title: string;
  settings?: Readonly<Record<string, string>>;
  request?: Partial<Scenario>;
}

const FOLDER = join(WORK, 'features');
const COMMAND_LIMIT_MS = 60_000;
const TOKEN_HOURS = 1;
const [ROW] = SCENARIOS as [Scenario];
/** The row without what is stored for its customer. */
const { age, employment_years, employment_type } = creditRiskRow(0);
const FIRST_CUSTOMER = 1001;
const CUSTOMERS = 20;
const LOOKED_UP = `
local n = 0
function request()
  n = n + 1
  local customer = string.format('C-%d', ${FIRST_CUSTOMER} + n % ${CUSTOMERS})
  return wrk.format(nil, nil, nil, (string.gsub(wrk.body, 'C%-${FIRST_CUSTOMER}', customer)))
end`;

/**
 * What a prediction costs with each feature of a public service turned on, each in a server of its own. The first has
 * none of them, and the second neither: what both differ by, says nothing.
 */
export async function featureCosts(
  redis: RedisServer,
  { rounds = 12, seconds = 1 }: { rounds?: number | undefined; seconds?: number | undefined },
): Promise<LaneWindows[]> {
  const load = await needWrk();
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const collector = createServer((request, response) => {
    request.resume().once('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const turns: { request: Scenario; server: Server; windows: Window[] }[] = [];
  try {
    const ways = await everyWay(redis, `http://127.0.0.1:${(collector.address() as AddressInfo).port}`);
    for (const { name, title, settings, request: other } of ways) {
      progress(`features: starting ${name}`);
      const lane = nestor(name, title, { LOG_REQUESTS: 'off', DATABASE_URL: database(name), ...settings });
      await lane.prepare();
      const request = { ...ROW, ...other, name };
      const server = await Server.start(lane, request, SERVER_CORE);
      turns.push({ request, server, windows: [] });
      await load(server.url, request, 3, LOAD_CORE);
    }
    for (let round = 1; round <= rounds; round++) {
      progress(`features: round ${round} of ${rounds}`);
      for (const { request, server, windows } of shuffled(turns))
        windows.push(await measure(server, request, seconds, load));
    }
    return turns.map(({ server: { lane, residentMegabytes }, windows }) => ({ lane, windows, residentMegabytes }));
  } finally {
    await Promise.all(turns.map(({ server }) => server.stop()));
    collector.closeAllConnections();
    collector.close();
  }
}

async function everyWay(redis: RedisServer, collector: string): Promise<Way[]> {
  const off = { MODELS_DIR: makeCreditRisk('features-off', 'primary: true\n') };
  const logged = (sample: number) => ({
    MODELS_DIR: makeCreditRisk(`features-log-${sample}`, `primary: true\nlog: {sample: ${sample}}\n`),
  });
  const key = await makeKey();
  const token = await makeToken();
  const withKeys = { ...off, AUTH: 'on', API_KEYS_FILE: key.file };
  const traced = { ...off, OTEL_EXPORTER_OTLP_ENDPOINT: collector };
  const limit = '100000000/1s';
  await importCustomers('lookup');
  return [
    { name: 'off', title: 'nothing turned on', settings: off },
    { name: 'off again', title: 'the same, once more', settings: off },
    { name: 'key', title: 'AUTH=on, an API key', settings: withKeys, request: bearer(key.text) },
    { name: 'token', title: 'AUTH=on, a JSON Web Token', settings: { ...withKeys, JWT_JWKS: token.file }, request: bearer(token.text) },
    { name: 'limit', title: `RATE_LIMIT=${limit}`, settings: { ...off, RATE_LIMIT: limit } },
    { name: 'limit-redis', title: 'the same, counted in Redis', settings: { ...off, RATE_LIMIT: limit, REDIS_URL: redis.url } },
    { name: 'log', title: 'the prediction log, each request', settings: logged(1) },
    { name: 'log-tenth', title: 'the prediction log, a tenth of them', settings: logged(0.1) },
    { name: 'trace', title: 'a trace of each request', settings: traced },
    { name: 'trace-hundredth', title: 'a trace of a hundredth of them', settings: { ...traced, OTEL_TRACES_SAMPLER_ARG: '0.01' } },
    { name: 'cors', title: 'CORS_ORIGINS, asked by a page', settings: { ...off, CORS_ORIGINS: 'https://app.example.com' }, request: { headers: { ...JSON_HEADERS, Origin: 'https://app.example.com' } } },
    { name: 'lookup', title: 'two features looked up in SQLite', settings: off, request: { path: '/predict-with-preprocessing', body: JSON.stringify({ customer_id: `C-${FIRST_CUSTOMER}`, age, employment_years, employment_type }), lua: LOOKED_UP } },
  ]; // prettier-ignore
}

function bearer(text: string): Partial<Scenario> {
  return { headers: { ...JSON_HEADERS, Authorization: `Bearer ${text}` } };
}

function database(name: string): string {
  return `sqlite:${join(FOLDER, `${name.replaceAll(' ', '-')}.db`)}`;
}

async function makeKey(): Promise<{ file: string; text: string }> {
  const file = join(FOLDER, 'api-keys.json');
  const text = await command(['keys', 'create', 'bench', '--scope', 'predict'], { API_KEYS_FILE: file });
  return { file, text: text.trim() };
}

async function makeToken(): Promise<{ file: string; text: string }> {
  const file = join(FOLDER, 'jwks.json');
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  writeFileSync(file, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256' }] }));
  const text = await new SignJWT({ scope: 'predict' })
    .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
    .setSubject('bench')
    .setIssuedAt()
    .setExpirationTime(`${TOKEN_HOURS}h`)
    .sign(privateKey);
  return { file, text };
}

async function importCustomers(name: string): Promise<void> {
  const env = { DATABASE_URL: database(name), MODELS_DIR: join(ROOT, 'models') };
  await command(['features', 'import', join(ROOT, 'training', 'customers.csv')], env);
}

/** What `nestor …` prints. */
function command(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const file = join(ROOT, 'dist', 'bundle', 'nestor.js');
  return run({ file: process.execPath, args: [file, ...args], env, cwd: FOLDER }, COMMAND_LIMIT_MS);
}
