import { type Lane } from '../lanes/lane.ts';
import { nestor } from '../lanes/nestor/lane.ts';
import { LAZY_MODELS, makeManyModels, MANY_MODELS, ONE_MODEL } from '../setup/many-models.ts';
import { type ColdStart, coldStarts } from './cold-start.ts';
import { compare } from './compare.ts';
import { type LoadGenerator } from './load.ts';
import { type Scenario } from './scenario.ts';
import { median } from './statistics.ts';
import { atLeast, atMost, inUnits, type Verdict } from './verdict.ts';
import { type Comparison, laneRatios, type LaneWindows } from './windows.ts';

/** What many models that nobody asks for cost: both lists are of the lanes ONE and MANY. */
export interface ManyModels {
  starts: { lane: Lane; starts: ColdStart[] }[];
  windows: LaneWindows[];
}

export const ONE = nestor('one-model', 'nestor with credit-risk alone', { MODELS_DIR: ONE_MODEL });
const MANY = nestor('many-models', `the same with ${LAZY_MODELS} lazy models beside it`, { MODELS_DIR: MANY_MODELS });
export const MANY_LANES: readonly Lane[] = [ONE, MANY];

const STARTS = 5;
/** Two processes of the same program differ by a few percent for as long as they live: hence several of each. */
const PAIRS = 3;

const LEAST_RATIO = 0.97;
const MOST_SECONDS = 3;
const MOST_KILOBYTES = 20;

export async function manyModels(
  scenario: Scenario,
  {
    rounds = 12,
    seconds = 1,
    load,
  }: { rounds?: number | undefined; seconds?: number | undefined; load: LoadGenerator },
): Promise<ManyModels> {
  makeManyModels();
  const pairs: Comparison[] = [];
  for (let pair = 1; pair <= PAIRS; pair++) {
    pairs.push(await compare(scenario, MANY_LANES, { rounds: Math.ceil(rounds / PAIRS), seconds, load }));
  }
  const windows = MANY_LANES.map((lane, index) => {
    const parts = pairs.map(({ lanes }) => lanes[index] as LaneWindows);
    return {
      lane,
      windows: parts.flatMap((part) => part.windows),
      residentMegabytes: median(parts.map((part) => part.residentMegabytes)),
    };
  });
  return { windows, starts: await coldStarts(scenario, MANY_LANES, { rounds: STARTS, load }) };
}

export function manyTargets({ starts, windows }: ManyModels): Verdict[] {
  const [one, many] = starts.map((lane) => lane.starts) as [ColdStart[], ColdStart[]];
  const [windowsOfOne, windowsOfMany] = windows as [LaneWindows, LaneWindows];
  const each = (read: (start: ColdStart) => number) =>
    ((median(many.map(read)) - median(one.map(read))) * 1024) / LAZY_MODELS;
  const kilobytes = inUnits('KB');
  return [
    atLeast(
      'CPU time per request, one model to many',
      median(laneRatios(windowsOfOne, windowsOfMany, ({ cpuUs }) => cpuUs)),
      LEAST_RATIO,
    ),
    atMost('start to the first prediction', median(many.map(({ seconds }) => seconds)), MOST_SECONDS, inUnits('s')),
    atMost(
      'memory of an unloaded model, after the start',
      each((start) => start.idleMegabytes),
      MOST_KILOBYTES,
      kilobytes,
    ),
    atMost(
      'memory of an unloaded model, after load',
      each((start) => start.loadedMegabytes),
      MOST_KILOBYTES,
      kilobytes,
    ),
  ];
}
