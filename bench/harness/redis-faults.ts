import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
// As types only: what is left of the other form would run the program here.
import type { SteadyPlan, SteadySeen } from '../clients/steady.ts';
import { nestor } from '../lanes/nestor/lane.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { creditRiskRow } from './credit-risk-rows.ts';
import { BENCH } from './places.ts';
import { run } from './processes.ts';
import { progress } from './progress.ts';
import { type RedisServer } from './redis-server.ts';
import { SCENARIOS } from './scenario.ts';
import { Server } from './server.ts';
import { quantile } from './statistics.ts';
import { figure, table } from './table.ts';
import { none, type Verdict } from './verdict.ts';

/** What clients noticed while something was wrong with Redis. */
export interface RedisFault {
  name: string;
  delaysMs: number[];
  sentLateMs: number[];
  failed: number;
  /** Rows that Redis answered, and what was asked of it in vain, by how. */
  hits: number;
  failures: Record<string, number>;
}

interface Fault {
  name: string;
  /** Begins in the middle of the window. */
  begin?: (redis: RedisServer) => unknown;
  end?: (redis: RedisServer) => unknown;
}

const FAULTS: readonly Fault[] = [
  { name: 'well' },
  { name: 'killed', begin: (redis) => redis.stop() },
  { name: 'away' },
  { name: 'started again', begin: (redis) => redis.start() },
  {
    name: 'frozen',
    begin: (redis) => {
      redis.signal('SIGSTOP');
    },
  },
  {
    name: 'thawed',
    begin: (redis) => {
      redis.signal('SIGCONT');
    },
  },
  { name: 'slow: busy for 150 ms at a time', begin: pauseAgainAndAgain, end: stopPausing },
  { name: 'full', begin: fill, end: (redis) => redis.command('CONFIG SET maxmemory 0') },
  { name: 'well again' },
];

/** Each of so many rows fifty times a second, all of them through Redis: memory has place for one. */
const ROWS = 10;
const EVERY_MS = 20;
const CONNECTIONS = 100;
const MARGIN_MS = 120_000;
const FAILURES = ['timeout', 'lost', 'refused'];

export async function redisFaults(
  redis: RedisServer,
  { seconds = 6 }: { seconds?: number | undefined },
): Promise<RedisFault[]> {
  const [row] = SCENARIOS as [(typeof SCENARIOS)[number]];
  const lane = nestor('cache-redis', 'nestor', { LOG_REQUESTS: 'off', REDIS_URL: redis.url, CACHE_MAX_ENTRIES: '1' });
  await lane.prepare();
  const server = await Server.start(lane, row, SERVER_CORE);
  try {
    await steady(server.url, 3); // what is compiled by then is compiled in each window
    const seen: RedisFault[] = [];
    for (const { name, begin, end } of FAULTS) {
      progress(`cache: Redis ${name}`);
      const before = await counts(server.url);
      const [{ probes, sentLateMs }] = await Promise.all([
        steady(server.url, seconds),
        sleep((seconds * 1000) / 2).then(() => begin?.(redis)),
      ]);
      const after = await counts(server.url);
      await end?.(redis);
      const all = Object.values(probes);
      seen.push({
        name,
        delaysMs: all.flatMap(({ delaysMs }) => delaysMs),
        sentLateMs,
        failed: all.reduce((sum, { failed }) => sum + failed, 0),
        hits: after.hits - before.hits,
        failures: Object.fromEntries(
          FAILURES.map((kind) => [kind, (after.failures[kind] ?? 0) - (before.failures[kind] ?? 0)]),
        ),
      });
      await sleep(1000);
    }
    return seen;
  } finally {
    await server.stop();
  }
}

async function steady(url: string, seconds: number): Promise<SteadySeen> {
  const rows = Array.from({ length: ROWS }, (_, index) => JSON.stringify(creditRiskRow(index)));
  const probes = Object.fromEntries(rows.map((body, index) => [String(index), { method: 'POST', path: '/predict/cached', body } as const])); // prettier-ignore
  const plan: SteadyPlan = { url, probes, everyMs: EVERY_MS, seconds, leadSeconds: 0, connections: CONNECTIONS };
  const args = [join(BENCH, 'clients', 'steady.ts'), JSON.stringify(plan)];
  const output = await run({ file: process.execPath, args, core: LOAD_CORE }, seconds * 1000 + MARGIN_MS);
  return JSON.parse(output) as SteadySeen;
}

async function counts(url: string): Promise<{ hits: number; failures: Record<string, number> }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = (pattern: string) => Number(new RegExp(`^${pattern} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const failures = FAILURES.map((kind) => [kind, of(`nestor_redis_failures_total{kind="${kind}"}`)] as const);
  return { hits: of('nestor_cache_hits_total{.*place="redis"}'), failures: Object.fromEntries(failures) };
}

let pausing: NodeJS.Timeout | undefined;

function pauseAgainAndAgain(redis: RedisServer): void {
  pausing = setInterval(() => void redis.command('CLIENT PAUSE 150'), 160);
}

function stopPausing(): void {
  clearInterval(pausing);
}

async function fill(redis: RedisServer): Promise<void> {
  await redis.command('FLUSHALL');
  await redis.command('CONFIG SET maxmemory 1');
}

export function redisFaultTable(seen: readonly RedisFault[]): string {
  return table(
    ['Redis', 'requests', 'failed', 'p50 ms', 'p99 ms', 'longest ms', 'over 20 ms', 'sent late p99 ms', 'Redis hits', 'timeouts', 'lost', 'refused'],
    seen.map(({ name, delaysMs, sentLateMs, failed, hits, failures }) => [
      name,
      String(delaysMs.length),
      String(failed),
      ...[0.5, 0.99, 1].map((q) => figure(quantile(delaysMs, q))),
      String(delaysMs.filter((ms) => ms > 20).length),
      figure(quantile(sentLateMs, 0.99)),
      String(hits),
      ...FAILURES.map((kind) => String(failures[kind])),
    ]),
  ); // prettier-ignore
}

export function redisFaultTargets(seen: readonly RedisFault[]): Verdict[] {
  return [
    none(
      'predictions that failed for Redis',
      seen.reduce((sum, { failed }) => sum + failed, 0),
    ),
  ];
}
