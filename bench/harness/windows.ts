import { type Lane } from '../lanes/lane.ts';
import { type Seen } from './load.ts';
import { type Alone } from './model-alone.ts';
import { ratios } from './statistics.ts';

/** One lane's turn in one round. */
export interface Window extends Seen {
  /** CPU time of the server and its children for each answered request. */
  cpuUs: number;
  /** The share of the window that the server was on its core: well below 1 says that something else held it back. */
  busy: number;
}

/** All windows of one lane. The same index is the same round in every lane. */
export interface LaneWindows {
  lane: Lane;
  windows: Window[];
  residentMegabytes: number;
}

export interface Comparison {
  lanes: LaneWindows[];
  /** The model's own windows, one in each round; none where the scenario does not ask for them. */
  alone: Alone[];
}

export function perSecond({ answered, seconds }: Window): number {
  return answered / seconds;
}

/** What a lane took in each round, in parts of what the ruler took. */
export function laneRatios(lane: LaneWindows, ruler: LaneWindows, read: (window: Window) => number): number[] {
  return ratios(lane.windows.map(read), ruler.windows.map(read));
}
