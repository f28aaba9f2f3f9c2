/** Compares the service with other ways to serve the same model. See README.md in this folder. */
import { rmSync } from 'node:fs';
import { cacheCosts } from './harness/cache.ts';
import { coldStarts } from './harness/cold-start.ts';
import { compare } from './harness/compare.ts';
import { checkMachine } from './harness/cores.ts';
import { featureCosts } from './harness/features.ts';
import { CONNECTIONS, findLoadGenerator, type LoadGenerator } from './harness/load.ts';
import { MANY_LANES, manyModels, manyTargets, ONE } from './harness/many.ts';
import { openInference, openInferenceTable, openInferenceTargets } from './harness/open-inference.ts';
import { type Options, readOptions, USAGE } from './harness/options.ts';
import { LOGS } from './harness/places.ts';
import { profile } from './harness/profile.ts';
import { progress } from './harness/progress.ts';
import { aloneLine, compareTable, legend, save, startTable } from './harness/report.ts';
import { redisFaults, redisFaultTable, redisFaultTargets } from './harness/redis-faults.ts';
import { RedisServer } from './harness/redis-server.ts';
import { restarts, restartTable, restartTargets } from './harness/restart.ts';
import { SCENARIOS, type Scenario } from './harness/scenario.ts';
import { reload, reloadTable, reloadTargets } from './harness/reload.ts';
import { besideSlow, slowTable, slowTargets } from './harness/slow.ts';
import { soak } from './harness/soak.ts';
import { soakTable, soakTargets } from './harness/soak-report.ts';
import { swap, swapTable, swapTargets } from './harness/swap.ts';
import { startTargets, targetsOf } from './harness/targets.ts';
import { type Verdict, verdictTable } from './harness/verdict.ts';
import { LANES, RULER } from './lanes/index.ts';

const [ROW] = SCENARIOS as [Scenario];

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(USAGE);
  else await bench(options);
} catch (error) {
  progress(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

async function bench(options: Options): Promise<void> {
  checkMachine();
  rmSync(LOGS, { recursive: true, force: true });
  const load = await findLoadGenerator();
  for (const name of options.scenarios) {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (scenario) await benchRequest(scenario, options, load);
    else if (name === 'start') await benchStart(options, load);
    else if (name === 'open-inference') await benchOpenInference(options, load);
    else if (name === 'slow') await benchSlow(options);
    else if (name === 'many') await benchMany(options, load);
    else if (name === 'swap') await benchSwap(options);
    else if (name === 'reload') await benchReload();
    else if (name === 'restart') await benchRestart(options);
    else if (name === 'cache') await benchCache(options);
    else if (name === 'features') await benchFeatures(options);
    else await benchSoak(options);
  }
}

async function benchRequest(
  scenario: Scenario,
  { lanes, rounds = 12, seconds = 1, profile: profiles }: Options,
  load: LoadGenerator,
): Promise<void> {
  const serving = lanes.filter(({ models }) => models.includes(scenario.model));
  if (profiles) {
    print(scenario.title, await profile(scenario, serving, load));
    return;
  }
  const compared = LANES.filter((lane) => lane === RULER || serving.includes(lane));
  const comparison = await compare(scenario, compared, { rounds, seconds, load });
  save(scenario.name, comparison);
  print(
    `${scenario.title}, ${CONNECTIONS} connections, ${rounds} rounds`,
    compareTable(comparison.lanes),
    ...aloneLine(comparison, scenario),
    ...targets(targetsOf(scenario.name, comparison)),
    legend(compared),
  );
}

async function benchStart({ lanes, rounds = 12 }: Options, load: LoadGenerator): Promise<void> {
  const results = await coldStarts(ROW, lanes, { rounds, load });
  save('start', results);
  print(
    `Cold start and memory, ${rounds} starts`,
    startTable(results),
    ...targets(startTargets(results)),
    legend(lanes),
  );
}

async function benchOpenInference({ rounds, seconds }: Options, load: LoadGenerator): Promise<void> {
  const results = await openInference({ rounds, seconds, load });
  save('open-inference', results);
  print('Open Inference Protocol', openInferenceTable(results), ...targets(openInferenceTargets(results)));
}

async function benchSlow({ lanes, rounds, seconds }: Options): Promise<void> {
  const serving = lanes.filter(({ models }) => models.includes('mixed'));
  const results = await besideSlow(serving, { rounds, seconds });
  save('slow', results);
  print('Beside a slow model', slowTable(results), ...targets(slowTargets(results)), legend(serving));
}

async function benchMany({ rounds, seconds }: Options, load: LoadGenerator): Promise<void> {
  const results = await manyModels(ROW, { rounds, seconds, load });
  save('many', results);
  print(
    'Many lazy models',
    compareTable(results.windows, ONE),
    startTable(results.starts),
    ...targets(manyTargets(results)),
    legend(MANY_LANES),
  );
}

async function benchSwap({ rounds, seconds }: Options): Promise<void> {
  const result = await swap({ rounds, seconds });
  save('swap', result);
  const verdicts = swapTargets(result);
  print('Swaps under load', swapTable(result), ...targets(verdicts));
  if (verdicts.some(({ reached }) => !reached)) process.exitCode = 1;
}

async function benchReload(): Promise<void> {
  const results = await reload();
  save('reload', results);
  const verdicts = reloadTargets(results);
  print('Memory over reloads', reloadTable(results), ...targets(verdicts));
  if (verdicts.some(({ reached }) => !reached)) process.exitCode = 1;
}

async function benchRestart({ rounds, seconds }: Options): Promise<void> {
  const result = await restarts({ rounds, seconds });
  save('restart', result);
  const verdicts = restartTargets(result);
  print('Rolling restarts', restartTable(result), ...targets(verdicts));
  if (verdicts.some(({ reached }) => !reached)) process.exitCode = 1;
}

async function benchCache({ rounds, seconds }: Options): Promise<void> {
  const redis = await RedisServer.start();
  try {
    const { rows, batches } = await cacheCosts(redis, { rounds, seconds });
    const faults = await redisFaults(redis, { seconds });
    save('cache', { rows, batches, faults });
    const lanes = [...rows, ...batches].map(({ lane }) => lane);
    const tables = [rows, batches].map((results) => compareTable(results, results[0]?.lane));
    print('Cached predictions', ...tables, legend(lanes));
    const verdicts = redisFaultTargets(faults);
    print('Redis that is not well', redisFaultTable(faults), ...targets(verdicts));
    if (verdicts.some(({ reached }) => !reached)) process.exitCode = 1;
  } finally {
    await redis.stop();
  }
}

async function benchFeatures({ rounds, seconds }: Options): Promise<void> {
  const redis = await RedisServer.start();
  try {
    const results = await featureCosts(redis, { rounds, seconds });
    save('features', results);
    const lanes = results.map(({ lane }) => lane);
    print('Features of a public service', compareTable(results, lanes[0]), legend(lanes));
  } finally {
    await redis.stop();
  }
}

async function benchSoak({ minutes }: Options): Promise<void> {
  const result = await soak({ minutes });
  save('soak', result);
  const verdicts = soakTargets(result);
  print('Soak', soakTable(result), ...targets(verdicts));
  if (verdicts.some(({ reached }) => !reached)) process.exitCode = 1;
}

function targets(verdicts: readonly Verdict[]): string[] {
  return verdicts.length === 0 ? [] : [verdictTable(verdicts)];
}

function print(title: string, ...parts: string[]): void {
  process.stdout.write(`\n## ${title}\n\n${parts.join('\n\n')}\n`);
}
