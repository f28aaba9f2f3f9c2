/** Compares the service with other ways to serve the same model. See README.md in this folder. */
import { rmSync } from 'node:fs';
import { coldStarts } from './harness/cold-start.ts';
import { compare } from './harness/compare.ts';
import { checkMachine } from './harness/cores.ts';
import { CONNECTIONS, findLoadGenerator } from './harness/load.ts';
import { type Options, readOptions, USAGE } from './harness/options.ts';
import { LOGS } from './harness/places.ts';
import { profile } from './harness/profile.ts';
import { progress } from './harness/progress.ts';
import { compareTable, legend, save, startTable } from './harness/report.ts';
import { SCENARIOS, type Scenario } from './harness/scenario.ts';
import { LANES, RULER } from './lanes/index.ts';

// Ending by `exit` ends every server too: see harness/processes.ts.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(USAGE);
  else await bench(options);
} catch (error) {
  progress(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

async function bench({ scenarios, start, lanes, rounds, seconds, profile: profiles }: Options): Promise<void> {
  checkMachine();
  rmSync(LOGS, { recursive: true, force: true });
  const load = await findLoadGenerator();
  for (const scenario of scenarios) {
    const serving = lanes.filter(({ models }) => models.includes(scenario.model));
    if (profiles) {
      print(scenario.title, await profile(scenario, serving, load));
      continue;
    }
    const compared = LANES.filter((lane) => lane === RULER || serving.includes(lane));
    const results = await compare(scenario, compared, { rounds, seconds, load });
    save(scenario.name, results);
    print(`${scenario.title}, ${CONNECTIONS} connections, ${rounds} rounds`, compareTable(results), legend(compared));
  }
  if (start) {
    const results = await coldStarts(SCENARIOS[0] as Scenario, lanes, { rounds, load });
    save('start', results);
    print(`Cold start and memory, ${rounds} starts`, startTable(results), legend(lanes));
  }
}

function print(title: string, ...parts: string[]): void {
  process.stdout.write(`\n## ${title}\n\n${parts.join('\n\n')}\n`);
}
