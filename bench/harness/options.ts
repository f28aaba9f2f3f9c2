import { parseArgs } from 'node:util';
import { LANES, RULER } from '../lanes/index.ts';
import { type Lane } from '../lanes/lane.ts';
import { SCENARIOS } from './scenario.ts';

/** Those that compare lanes by a request, and others. */
const NAMES = [
  ...SCENARIOS.map(({ name }) => name),
  'start', 'open-inference', 'slow', 'many', 'swap', 'reload', 'restart', 'cache', 'features', 'soak',
]; // prettier-ignore

export interface Options {
  help: boolean;
  /** In the order in which they are measured. */
  scenarios: readonly string[];
  lanes: readonly Lane[];
  /** Without them each scenario takes its own. */
  rounds: number | undefined;
  seconds: number | undefined;
  minutes: number | undefined;
  /** true profiles the Node lanes under each scenario's load in place of measuring them; false measures. */
  profile: boolean;
}

export const USAGE = `npm run bench -- [options]
  --scenario LIST   of ${NAMES.join(', ')} (default row,batch)
  --lanes LIST      of ${LANES.map(({ name }) => name).join(', ')} (default all; ${RULER.name} is always measured)
  --rounds N        windows of each lane (default 12; slow, restart: 4; swap: 20, with 25 swaps each)
  --seconds N       length of a window, whole seconds (default 1; slow, restart: 5; swap: 3; cache: 1 and 6)
  --minutes N       length of a soak (default 10)
  --profile         profile the Node lanes in place of measuring: ${SCENARIOS.map(({ name }) => name).join(', ')} only
`;

/** @throws Error in words for the one who called */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      scenario: { type: 'string', default: 'row,batch' },
      lanes: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      minutes: { type: 'string' },
      profile: { type: 'boolean', default: false },
    },
  });
  const { help, scenario, lanes, rounds, seconds, minutes, profile } = values;
  const scenarios = scenario.split(',').map((name) => pick('scenario', name, NAMES, (one) => one));
  const other = scenarios.find((name) => !SCENARIOS.some((one) => one.name === name));
  if (profile && other !== undefined) throw new Error(`--profile does not know the scenario "${other}": see --help`);
  return {
    help,
    scenarios,
    lanes: lanes?.split(',').map((name) => pick('lane', name, LANES, (lane) => lane.name)) ?? LANES,
    rounds: count('rounds', rounds),
    seconds: count('seconds', seconds),
    minutes: count('minutes', minutes),
    profile,
  };
}

function pick<T>(what: string, name: string, all: readonly T[], nameOf: (one: T) => string): T {
  const found = all.find((one) => nameOf(one) === name);
  if (found !== undefined) return found;
  throw new Error(`There is no ${what} "${name}": see --help`);
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`--${name} takes a whole number above 0`);
}
