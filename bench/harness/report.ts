import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { RULER } from '../lanes/index.ts';
import { type ColdStart } from './cold-start.ts';
import { type Lane } from '../lanes/lane.ts';
import { RESULTS, ROOT } from './places.ts';
import { progress } from './progress.ts';
import { type Scenario } from './scenario.ts';
import { median, quantile } from './statistics.ts';
import { figure, table } from './table.ts';
import { type Comparison, laneRatios, type LaneWindows, perSecond, type Window } from './windows.ts';

/** The comparison as a table: medians over rounds, and ratios to the ruler that were taken within each round. */
export function compareTable(results: readonly LaneWindows[], rulerLane = RULER): string {
  const ruler = results.find(({ lane }) => lane === rulerLane) as LaneWindows;
  return table(
    [
      'lane',
      'CPU µs/request',
      'CPU ratio',
      'middle half',
      'requests/s',
      'rate ratio',
      'p50 ms',
      'p99 ms',
      'p99 ratio',
      'busy',
      'RSS MB',
      'errors',
    ],
    results.map((result) => {
      const { lane, windows, residentMegabytes } = result;
      const middle = (read: (window: Window) => number) => figure(median(windows.map(read)));
      const cpu = laneRatios(result, ruler, ({ cpuUs }) => cpuUs);
      const ratio = (read: (window: Window) => number) => figure(median(laneRatios(result, ruler, read)));
      return [
        lane.name,
        middle(({ cpuUs }) => cpuUs),
        figure(median(cpu)),
        `${figure(quantile(cpu, 0.25))}–${figure(quantile(cpu, 0.75))}`,
        middle(perSecond),
        ratio(perSecond),
        middle(({ p50Ms }) => p50Ms),
        middle(({ p99Ms }) => p99Ms),
        ratio(({ p99Ms }) => p99Ms),
        `${Math.round(median(windows.map(({ busy }) => busy)) * 100)} %`,
        figure(residentMegabytes),
        String(errorsOf(windows)),
      ];
    }),
  );
}

/** What the model reached by itself, where it was measured. */
export function aloneLine({ alone }: Comparison, { loop }: Scenario): string[] {
  if (!loop) return [];
  const rows = figure(median(alone.map(({ rowsPerSecond }) => rowsPerSecond)));
  const cpu = figure(median(alone.map(({ cpuUsPerRow }) => cpuUsPerRow)));
  return [`The model alone, in batches of ${loop.rows}: ${rows} rows/s, ${cpu} µs of CPU time for a row.`];
}

export function startTable(results: readonly { lane: Lane; starts: ColdStart[] }[]): string {
  return table(
    ['lane', 'first prediction s', 'CPU s', 'idle RSS MB', 'idle CPU ms/s', 'RSS MB after load'],
    results.map(({ lane, starts }) => {
      const middle = (read: (start: ColdStart) => number) => figure(median(starts.map(read)));
      return [
        lane.name,
        middle(({ seconds }) => seconds),
        middle(({ cpuSeconds }) => cpuSeconds),
        middle(({ idleMegabytes }) => idleMegabytes),
        middle(({ idleCpuMs }) => idleCpuMs),
        middle(({ loadedMegabytes }) => loadedMegabytes),
      ];
    }),
  );
}

/** One line for each lane: what its name stands for. */
export function legend(lanes: readonly Lane[]): string {
  return lanes.map(({ name, about }) => `- ${name}: ${about}`).join('\n');
}

/** Keeps everything that was measured, for whoever wants to look closer. */
export function save(name: string, results: unknown): void {
  const now = new Date().toISOString();
  const file = join(RESULTS, `${name}-${now.replace(/[:.]/g, '-')}.json`);
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ name, measured_at: now, machine, results }, null, 2)}\n`);
  progress(`Kept in ${relative(ROOT, file)}`);
}

function errorsOf(windows: readonly Window[]): number {
  return windows.flatMap(({ errors }) => Object.values(errors)).reduce((sum, count) => sum + count, 0);
}
