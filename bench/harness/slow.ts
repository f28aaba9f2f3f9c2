import { join } from 'node:path';
import { type Question } from '../clients/http-client.ts';
// As types only: what is left of the other form would run the program here.
import type { SteadyPlan, SteadySeen } from '../clients/steady.ts';
import { type Lane } from '../lanes/lane.ts';
import { makeMixedModels } from '../setup/mixed-models.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { BENCH } from './places.ts';
import { run } from './processes.ts';
import { progress } from './progress.ts';
import { SCENARIOS, SLOW_ROW } from './scenario.ts';
import { Server } from './server.ts';
import { median, quantile, shuffled, sum } from './statistics.ts';
import { figure, table } from './table.ts';
import { atMost, inUnits, none, type Verdict } from './verdict.ts';

/** A lane's windows, without and with clients that keep the slow model busy. */
export interface BesideSlow {
  lane: Lane;
  idle: SteadySeen[];
  busy: SteadySeen[];
}

const [ROW] = SCENARIOS as [(typeof SCENARIOS)[number]];
const PROBES = {
  live: { method: 'GET', path: '/health/live' },
  tiny: { method: 'POST', path: ROW.path, body: ROW.body },
} as const satisfies Record<string, Question>;
type Probe = keyof typeof PROBES;

const SLOW_CLIENTS = 8;
/** Each probe a hundred times a second: far from what a lane can bear. */
const EVERY_MS = 10;
/** All clients have their first request in the server before the probes begin. */
const LEAD_SECONDS = 1;
const MARGIN_MS = 120_000;
const STEADY = join(BENCH, 'clients', 'steady.ts');

const SERVICE = 'nestor';
const MOST_LIVE_MS = 10;
const MOST_TINY_MS = 15;

/** What probes and a tiny model's clients notice of a slow model that is asked more than it can answer. */
export async function besideSlow(
  lanes: readonly Lane[],
  { rounds = 4, seconds = 5 }: { rounds?: number | undefined; seconds?: number | undefined },
): Promise<BesideSlow[]> {
  await makeMixedModels();
  const servers: Server[] = [];
  try {
    for (const lane of lanes) {
      progress(`slow: starting ${lane.name}`);
      await lane.prepare();
      servers.push(await Server.start(lane, SLOW_ROW, SERVER_CORE));
    }
    const turns = servers.map((server) => ({ server, idle: [] as SteadySeen[], busy: [] as SteadySeen[] }));
    // What is compiled by then is compiled in both windows.
    for (const { server } of turns) await steady(server, seconds, 0);
    for (let round = 1; round <= rounds; round++) {
      progress(`slow: round ${round} of ${rounds}`);
      for (const { server, idle, busy } of shuffled(turns)) {
        idle.push(await steady(server, seconds, 0));
        busy.push(await steady(server, seconds, SLOW_CLIENTS));
      }
    }
    return turns.map(({ server, idle, busy }) => ({ lane: server.lane, idle, busy }));
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function steady(server: Server, seconds: number, clients: number): Promise<SteadySeen> {
  const { path, body } = SLOW_ROW;
  const plan: SteadyPlan = {
    url: server.url,
    probes: PROBES,
    everyMs: EVERY_MS,
    seconds,
    leadSeconds: clients > 0 ? LEAD_SECONDS : 0,
    ...(clients > 0 && { busy: { question: { method: 'POST', path, body }, clients } }),
  };
  const command = { file: process.execPath, args: [STEADY, JSON.stringify(plan)], core: LOAD_CORE };
  const output = await run(command, seconds * 1000 + MARGIN_MS);
  await server.quiet();
  return JSON.parse(output) as SteadySeen;
}

/** Medians over the windows' own figures: on a machine that does other things too, one window may be spoilt. */
export function slowTable(results: readonly BesideSlow[]): string {
  return table(
    ['lane', 'slow model', 'asked', 'p50 ms', 'p99 ms', 'max ms', 'failed', 'sent late p99 ms', 'slow answers/s'],
    results.flatMap(({ lane, ...modes }) =>
      (['idle', 'busy'] as const).flatMap((mode) =>
        (Object.keys(PROBES) as Probe[]).map((probe) => {
          const windows = modes[mode];
          return [
            lane.name,
            mode,
            probe,
            ...[0.5, 0.99, 1].map((q) => figure(delay(windows, probe, q))),
            String(sum(windows.map(({ probes }) => probes[probe]?.failed ?? 0))),
            figure(median(windows.map(({ sentLateMs }) => quantile(sentLateMs, 0.99)))),
            mode === 'idle'
              ? ''
              : figure(median(windows.map(({ busyAnswered, busySeconds }) => busyAnswered / busySeconds))),
          ];
        }),
      ),
    ),
  );
}

export function slowTargets(results: readonly BesideSlow[]): Verdict[] {
  const service = results.find(({ lane }) => lane.name === SERVICE);
  if (!service) return [];
  const { busy } = service;
  const failed = busy.flatMap(({ probes, busyFailed }) => [
    busyFailed,
    ...Object.values(probes).map((one) => one.failed),
  ]);
  const show = inUnits('ms');
  return [
    atMost('/health/live p99 beside the busy slow model', delay(busy, 'live', 0.99), MOST_LIVE_MS, show),
    atMost('tiny model p99 beside the busy slow model', delay(busy, 'tiny', 0.99), MOST_TINY_MS, show),
    none('requests that failed', sum(failed)),
  ];
}

function delay(windows: readonly SteadySeen[], probe: Probe, q: number): number {
  return median(windows.map(({ probes }) => quantile(probes[probe]?.delaysMs ?? [], q)));
}
