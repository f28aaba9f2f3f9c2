import { setTimeout as sleep } from 'node:timers/promises';
import { type Lane } from '../lanes/lane.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { type LoadGenerator } from './load.ts';
import { progress } from './progress.ts';
import { type Scenario } from './scenario.ts';
import { Server } from './server.ts';

/** What one start of a lane's server cost. */
export interface ColdStart {
  /** From the start of the process to its first prediction. */
  seconds: number;
  /** CPU time up to then. */
  cpuSeconds: number;
  idleMegabytes: number;
  /** CPU time in a second without requests, in milliseconds. */
  idleCpuMs: number;
  loadedMegabytes: number;
}

const SETTLE_MS = 2_000;
const LOAD_SECONDS = 5;

/** Starts each lane's server again and again, one at a time. The first start of all, with cold disk caches, is not counted. */
export async function coldStarts(
  scenario: Scenario,
  lanes: readonly Lane[],
  { rounds, load }: { rounds: number; load: LoadGenerator },
): Promise<{ lane: Lane; starts: ColdStart[] }[]> {
  const results = [];
  for (const lane of lanes) {
    await lane.prepare();
    await startOnce(lane, scenario, () => Promise.resolve());
    const starts: ColdStart[] = [];
    for (let round = 1; round <= rounds; round++) {
      progress(`start: ${lane.name}, ${round} of ${rounds}`);
      starts.push(await startOnce(lane, scenario, (server) => look(server, scenario, load)));
    }
    results.push({ lane, starts });
  }
  return results;
}

async function startOnce<T>(lane: Lane, scenario: Scenario, then: (server: Server) => Promise<T>): Promise<T> {
  const server = await Server.start(lane, scenario, SERVER_CORE);
  try {
    return await then(server);
  } finally {
    await server.stop();
  }
}

async function look(server: Server, scenario: Scenario, load: LoadGenerator): Promise<ColdStart> {
  const cpuSeconds = server.cpuSeconds;
  await sleep(SETTLE_MS);
  const idleMegabytes = server.residentMegabytes;
  const before = server.cpuSeconds;
  await sleep(SETTLE_MS);
  const idleCpuMs = (server.cpuSeconds - before) / (SETTLE_MS / 1e6);
  await load(server.url, scenario, LOAD_SECONDS, LOAD_CORE);
  const loadedMegabytes = server.residentMegabytes;
  return { seconds: server.coldStartSeconds, cpuSeconds, idleMegabytes, idleCpuMs, loadedMegabytes };
}
