import { nestor } from '../lanes/nestor/lane.ts';
import { CACHED_MODELS, makeCachedModels } from '../setup/cached-models.ts';
import { measure } from './compare.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { creditRiskRow } from './credit-risk-rows.ts';
import { needWrk } from './load.ts';
import { progress } from './progress.ts';
import { type RedisServer } from './redis-server.ts';
import { type Scenario, SCENARIOS } from './scenario.ts';
import { Server } from './server.ts';
import { shuffled } from './statistics.ts';
import { type LaneWindows, type Window } from './windows.ts';

/** A way in which a request meets the cache. */
interface Way extends Scenario {
  /** Whether it is asked of the service with a Redis, which keeps hardly anything itself. */
  isShared?: boolean;
}

/** Rows are told apart by their income. */
const INCOME = '"INCOME"';
const ROW = JSON.stringify({ ...creditRiskRow(0), income: 'INCOME' });
/** @param income Lua for the income of the n-th row */
const rowsBy = (income: string) => `
local n = 0
function request()
  n = n + 1
  return wrk.format(nil, nil, nil, (string.gsub([==[${ROW}]==], '${INCOME}', ${income})))
end`;
/** Another one each time, in each window. */
const NEW = rowsBy("string.format('%.6f', os.time() % 100000 + n * 0.00001)");
/** More than memory keeps, all of them in Redis. */
const KNOWN = rowsBy('tostring(10000 + n % 2000)');

const [ONE, BATCH] = SCENARIOS as [Scenario, Scenario];
const CACHED = { ...ONE, path: '/predict/cached' };

const WAYS: readonly Way[] = [
  { ...ONE, name: 'plain', title: '/predict' },
  { ...CACHED, name: 'hit', title: '/predict/cached, a row that memory has' },
  { ...CACHED, name: 'no-cache', title: 'the same with Cache-Control: no-cache', lua: 'wrk.headers["Cache-Control"] = "no-cache"' },
  { ...ONE, name: 'plain-new', title: '/predict, a new row each time', lua: NEW },
  { ...CACHED, name: 'miss', title: '/predict/cached, a new row each time', lua: NEW },
  { ...CACHED, name: 'redis-hit', title: '/predict/cached, a row that only Redis has', lua: KNOWN, isShared: true },
  { ...CACHED, name: 'redis-miss', title: '/predict/cached, a new row each time, which Redis is asked for and keeps', lua: NEW, isShared: true },
]; // prettier-ignore
const BATCHES: readonly Way[] = [
  { ...BATCH, name: 'batch', title: '/predict/batch, 100 rows' },
  { ...BATCH, name: 'batch-hit', title: '100 rows of a model that is cached: memory has them all', path: '/v1/models/cached/predict/batch' },
]; // prettier-ignore

/** What requests cost that meet the cache in one way or another. The first of each list is its ruler. */
export interface CacheCosts {
  rows: LaneWindows[];
  batches: LaneWindows[];
}

export async function cacheCosts(
  redis: RedisServer,
  { rounds = 12, seconds = 1 }: { rounds?: number | undefined; seconds?: number | undefined },
): Promise<CacheCosts> {
  const load = await needWrk();
  makeCachedModels();
  const settings = { MODELS_DIR: CACHED_MODELS, LOG_REQUESTS: 'off', CACHE_TTL_S: '3600' };
  const lanes = [
    nestor('cache-memory', 'nestor', settings),
    nestor('cache-redis', 'nestor', { ...settings, REDIS_URL: redis.url, CACHE_MAX_ENTRIES: '10' }),
  ];
  const servers: Server[] = [];
  try {
    for (const lane of lanes) {
      await lane.prepare();
      servers.push(await Server.start(lane, ONE, SERVER_CORE));
    }
    const [memory, shared] = servers as [Server, Server];
    const turns = [...WAYS, ...BATCHES].map((way) => ({
      way,
      server: way.isShared ? shared : memory,
      windows: [] as Window[],
    }));
    for (const { way, server } of turns) await load(server.url, way, 2, LOAD_CORE);
    for (let round = 1; round <= rounds; round++) {
      progress(`cache: round ${round} of ${rounds}`);
      for (const { way, server, windows } of shuffled(turns)) windows.push(await measure(server, way, seconds, load));
    }
    const all = turns.map(({ way: { name, title }, server, windows }) => ({
      lane: { ...server.lane, name, about: title },
      windows,
      residentMegabytes: server.residentMegabytes,
    }));
    return { rows: all.slice(0, WAYS.length), batches: all.slice(WAYS.length) };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}
