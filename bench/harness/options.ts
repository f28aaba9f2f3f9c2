import { parseArgs } from 'node:util';
import { LANES, RULER } from '../lanes/index.ts';
import { type Lane } from '../lanes/lane.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';

export interface Options {
  help: boolean;
  /** Whether cold starts are measured, beside the scenarios. */
  start: boolean;
  scenarios: readonly Scenario[];
  lanes: readonly Lane[];
  rounds: number;
  seconds: number;
  /** true profiles the Node lanes under each scenario's load in place of measuring them; false measures. */
  profile: boolean;
}

export const USAGE = `npm run bench -- [options]
  --scenario LIST   of ${[...SCENARIOS.map(({ name }) => name), 'start'].join(', ')} (default row,batch)
  --lanes LIST      of ${LANES.map(({ name }) => name).join(', ')} (default all; ${RULER.name} is always measured)
  --rounds N        windows of each lane (default 12)
  --seconds N       length of a window, whole seconds (default 1)
  --profile         profile the Node lanes in place of measuring
`;

/** @throws Error in words for the one who called */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      scenario: { type: 'string', default: 'row,batch' },
      lanes: { type: 'string', default: LANES.map(({ name }) => name).join(',') },
      rounds: { type: 'string', default: '12' },
      seconds: { type: 'string', default: '1' },
      profile: { type: 'boolean', default: false },
    },
  });
  const names = values.scenario.split(',');
  return {
    help: values.help,
    start: names.includes('start'),
    scenarios: pick(
      'scenario',
      names.filter((name) => name !== 'start'),
      SCENARIOS,
    ),
    lanes: pick('lane', values.lanes.split(','), LANES),
    rounds: count('rounds', values.rounds),
    seconds: count('seconds', values.seconds),
    profile: values.profile,
  };
}

function pick<T extends { name: string }>(what: string, names: readonly string[], all: readonly T[]): T[] {
  return names.map((name) => {
    const found = all.find((one) => one.name === name);
    if (found) return found;
    throw new Error(`There is no ${what} "${name}": see --help`);
  });
}

function count(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`--${name} takes a whole number above 0`);
}
