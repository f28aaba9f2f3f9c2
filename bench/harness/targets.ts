import { type Lane } from '../lanes/lane.ts';
import { type ColdStart } from './cold-start.ts';
import { median, ratios } from './statistics.ts';
import { asPart, asTimes, atLeast, atMost, inUnits, type Verdict } from './verdict.ts';
import { type Comparison, laneRatios, type LaneWindows, perSecond, type Window } from './windows.ts';

/** What a lane may take at most, in parts or times of what another one takes. */
interface Target {
  lane: string;
  of: 'CPU time' | 'p99';
  than: string;
  atMost: number;
  remark?: string;
}

const READ: Record<Target['of'], (window: Window) => number> = {
  'CPU time': ({ cpuUs }) => cpuUs,
  p99: ({ p99Ms }) => p99Ms,
};

const TARGETS: Readonly<Record<string, readonly Target[]>> = {
  row: [
    { lane: 'nestor', of: 'CPU time', than: 'fastapi-tutorial', atMost: 1 / 25 },
    { lane: 'nestor', of: 'CPU time', than: 'fastapi-onnxruntime', atMost: 1 / 14 },
    { lane: 'nestor', of: 'CPU time', than: 'bare-node', atMost: 2.2 },
    { lane: 'nestor', of: 'CPU time', than: 'bare-node', atMost: 1.6, remark: ' (stretch)' },
    { lane: 'nestor-quiet', of: 'CPU time', than: 'fastapi-tuned', atMost: 1 / 5 },
    { lane: 'nestor-quiet', of: 'CPU time', than: 'bare-node', atMost: 1.5 },
    { lane: 'nestor-quiet', of: 'CPU time', than: 'bare-node', atMost: 1.25, remark: ' (stretch)' },
    { lane: 'nestor', of: 'p99', than: 'bare-node', atMost: 2 },
    { lane: 'nestor-quiet', of: 'p99', than: 'bare-node', atMost: 2 },
  ],
  batch: [
    { lane: 'nestor', of: 'CPU time', than: 'fastapi-tutorial', atMost: 1 / 150 },
    { lane: 'nestor', of: 'CPU time', than: 'fastapi-tuned', atMost: 1 / 3 },
    { lane: 'nestor', of: 'CPU time', than: 'bare-node', atMost: 1.8 },
    { lane: 'nestor', of: 'p99', than: 'bare-node', atMost: 2 },
    { lane: 'nestor-quiet', of: 'p99', than: 'bare-node', atMost: 2 },
  ],
  mlp: [{ lane: 'nestor', of: 'CPU time', than: 'bare-node-alone', atMost: 1 / 3.5 }],
};

const SERVICE = 'nestor';
const LEAST_OF_MODEL_ALONE = 0.5;
const MOST_MEGABYTES = 220;
const MOST_START_SECONDS = 0.9;

/** The targets of a scenario, as far as their lanes were measured. */
export function targetsOf(scenario: string, { lanes, alone }: Comparison): Verdict[] {
  const find = (name: string) => lanes.find(({ lane }) => lane.name === name);
  const verdicts = (TARGETS[scenario] ?? []).flatMap(({ lane, of, than, atMost: limit, remark = '' }) => {
    const [one, other] = [find(lane), find(than)];
    if (!one || !other) return [];
    const show = limit < 1 ? asPart : asTimes;
    const seen = median(laneRatios(one, other, READ[of]));
    return [atMost(`${of} of ${lane} to ${than}${remark}`, seen, limit, show)];
  });
  const service = find(SERVICE);
  if (!service) return verdicts;
  if (alone.length > 0) verdicts.push(...toModelAlone(service, alone));
  if (scenario === 'row') {
    verdicts.push(atMost(`memory of ${SERVICE}`, service.residentMegabytes, MOST_MEGABYTES, inUnits('MB')));
  }
  return verdicts;
}

/** CPU time tells it apart from what else held the server or the loop back. */
function toModelAlone({ windows }: LaneWindows, alone: Comparison['alone']): Verdict[] {
  const rates = ratios(
    windows.map(perSecond),
    alone.map(({ rowsPerSecond }) => rowsPerSecond),
  );
  const cpu = ratios(
    alone.map(({ cpuUsPerRow }) => cpuUsPerRow),
    windows.map(({ cpuUs }) => cpuUs),
  );
  return [
    atLeast(`requests/s of ${SERVICE} to rows/s of the model alone`, median(rates), LEAST_OF_MODEL_ALONE, asTimes),
    atLeast('the same by CPU time', median(cpu), LEAST_OF_MODEL_ALONE, asTimes),
  ];
}

export function startTargets(results: readonly { lane: Lane; starts: ColdStart[] }[]): Verdict[] {
  const service = results.find(({ lane }) => lane.name === SERVICE);
  if (!service) return [];
  const middle = (read: (start: ColdStart) => number) => median(service.starts.map(read));
  return [
    atMost(
      `start of ${SERVICE} to the first prediction`,
      middle(({ seconds }) => seconds),
      MOST_START_SECONDS,
      inUnits('s'),
    ),
    atMost(
      `memory of ${SERVICE} after load`,
      middle(({ loadedMegabytes }) => loadedMegabytes),
      MOST_MEGABYTES,
      inUnits('MB'),
    ),
  ];
}
