import { RULER } from '../lanes/index.ts';
import { type Lane } from '../lanes/lane.ts';
import { makeMlp } from '../setup/models.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { type LoadGenerator } from './load.ts';
import { type Alone, modelAlone } from './model-alone.ts';
import { progress } from './progress.ts';
import { type RepeatedRequest, type Scenario } from './scenario.ts';
import { ask, Server } from './server.ts';
import { shuffled } from './statistics.ts';
import { type Comparison, type Window } from './windows.ts';

const WARM_UP_SECONDS = 3;
/** A slow lane gets longer windows, up to so many times as long, until so many answers fit in one. */
const MOST_STRETCH = 6;
const ANSWERS_IN_WINDOW = 100;
const TOLERANCE = 1e-4;

/** Keeps the servers of all lanes up side by side and lets them take turns, so that they share what the machine does. */
export async function compare(
  scenario: Scenario,
  lanes: readonly Lane[],
  { rounds, seconds, load }: { rounds: number; seconds: number; load: LoadGenerator },
): Promise<Comparison> {
  if (scenario.model === 'mlp') await makeMlp();
  for (const lane of lanes) await lane.prepare();
  const servers: Server[] = [];
  try {
    for (const lane of lanes) {
      progress(`${scenario.name}: starting ${lane.name}`);
      servers.push(await Server.start(lane, scenario, SERVER_CORE));
    }
    await checkAnswers(scenario, servers);
    const turns = [];
    for (const server of servers) {
      const { answered } = await load(server.url, scenario, WARM_UP_SECONDS, LOAD_CORE);
      await server.quiet();
      const rate = answered / WARM_UP_SECONDS;
      progress(`${scenario.name}: ${server.lane.name} is warm, about ${Math.round(rate)} requests/s`);
      const needed = Math.ceil(ANSWERS_IN_WINDOW / Math.max(rate, 1));
      const length = Math.min(Math.max(seconds, needed), seconds * MOST_STRETCH);
      turns.push({ server, length, windows: [] as Window[] });
    }
    const takes = turns.map(({ server, length, windows }) => async () => {
      windows.push(await measure(server, scenario, length, load));
    });
    const alone: Alone[] = [];
    const { loop } = scenario;
    if (loop) takes.push(async () => void alone.push(await modelAlone(loop.file, loop.rows, seconds)));
    for (let round = 1; round <= rounds; round++) {
      progress(`${scenario.name}: round ${round} of ${rounds}`);
      for (const take of shuffled(takes)) await take();
    }
    const measured = turns.map(({ server, windows }) => ({
      lane: server.lane,
      windows,
      residentMegabytes: server.residentMegabytes,
    }));
    return { lanes: measured, alone };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Has a server asked a request for some seconds. */
export async function measure(
  server: Server,
  request: RepeatedRequest,
  seconds: number,
  load: LoadGenerator,
): Promise<Window> {
  const before = server.cpuSeconds;
  const seen = await load(server.urlOf(request), request, seconds, LOAD_CORE);
  const cpu = server.cpuSeconds - before;
  await server.quiet();
  const failed = Object.entries(seen.errors).map(([kind, count]) => `${count} ${kind}`);
  if (failed.length > 0) progress(`${request.name}: ${server.lane.name} had errors: ${failed.join(', ')}`);
  // Whoever got no answer waited for longer than can be told.
  const delays = seen.answered === 0 ? { p50Ms: Infinity, p99Ms: Infinity } : {};
  return { ...seen, ...delays, cpuUs: (cpu / seen.answered) * 1e6, busy: cpu / seen.seconds };
}

/** A lane that answers something else is not compared. */
async function checkAnswers(scenario: Scenario, servers: readonly Server[]): Promise<void> {
  let wanted: number[] | undefined;
  for (const { lane, url } of servers.toSorted((a) => (a.lane === RULER ? -1 : 0))) {
    const { status, text } = await ask(url, scenario);
    if (status !== 200) throw new Error(`${lane.name} answers ${status}: ${text.slice(0, 500)}`);
    const numbers = scenario.numbers(JSON.parse(text));
    wanted ??= numbers;
    const agrees =
      numbers.length === wanted.length &&
      wanted.every((number, index) => Math.abs(number - (numbers[index] as number)) < TOLERANCE);
    if (!agrees) throw new Error(`${lane.name} answers ${text.slice(0, 200)}, unlike ${RULER.name}`);
  }
  progress(`${scenario.name}: all lanes agree`);
}
