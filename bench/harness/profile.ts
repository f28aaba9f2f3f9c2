import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Lane } from '../lanes/lane.ts';
import { makeMlp } from '../setup/models.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { type CpuProfile, type SelfTimes, selfTimes } from './cpu-profile.ts';
import { type LoadGenerator } from './load.ts';
import { WORK } from './places.ts';
import { type Command } from './processes.ts';
import { progress } from './progress.ts';
import { type Scenario } from './scenario.ts';
import { Server } from './server.ts';
import { table } from './table.ts';

const WARM_UP_SECONDS = 5;
const SECONDS = 10;
const LINES = 25;

/** Where the CPU time of the lanes that run on Node goes, as tables. Others are left out. */
export async function profile(scenario: Scenario, lanes: readonly Lane[], load: LoadGenerator): Promise<string> {
  if (scenario.model === 'mlp') await makeMlp();
  const parts = [];
  for (const lane of lanes) {
    if (lane.command(scenario.model, 0, 0).file !== process.execPath) continue;
    await lane.prepare();
    progress(`${scenario.name}: profiling ${lane.name}`);
    const { groups, functions, requests } = await profileLane(lane, scenario, load);
    parts.push(
      `### ${lane.name}`,
      timesTable('self time by package', groups, requests),
      timesTable('self time by function', functions, requests),
    );
  }
  return parts.join('\n\n');
}

async function profileLane(
  lane: Lane,
  scenario: Scenario,
  load: LoadGenerator,
): Promise<SelfTimes & { requests: number }> {
  const folder = join(WORK, 'profiles', `${scenario.name}-${lane.name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const profiled = (command: Command): Command => ({
    ...command,
    args: ['--cpu-prof', `--cpu-prof-dir=${folder}`, ...command.args],
  });
  const server = await Server.start(lane, scenario, SERVER_CORE, profiled);
  try {
    await load(server.url, scenario, WARM_UP_SECONDS, LOAD_CORE);
    const from = performance.now() - server.startedAt;
    const { answered } = await load(server.url, scenario, SECONDS, LOAD_CORE);
    const to = performance.now() - server.startedAt;
    await server.stop(); // It writes its profile when it ends in order.
    const [file] = readdirSync(folder);
    if (file === undefined) throw new Error(`${lane.name} left no profile`);
    const recorded = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
    return { ...selfTimes(recorded, from * 1000, to * 1000), requests: answered };
  } finally {
    await server.stop();
  }
}

function timesTable(title: string, times: SelfTimes['groups'], requests: number): string {
  const total = [...times.values()].reduce((sum, us) => sum + us, 0);
  const largest = [...times].sort(([, a], [, b]) => b - a).slice(0, LINES);
  return table(
    [title, 'share', 'µs/request'],
    largest.map(([name, us]) => [name, `${((us / total) * 100).toFixed(1)} %`, (us / requests).toFixed(2)]),
  );
}
