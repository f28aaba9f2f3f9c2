import { describe, expect, it } from '@jest/globals';
import { soakTargets } from '../../bench/harness/soak-report.ts';
import { median, quantile, slope } from '../../bench/harness/statistics.ts';
import { startTargets, targetsOf } from '../../bench/harness/targets.ts';
import { verdictTable } from '../../bench/harness/verdict.ts';
import { type LaneWindows } from '../../bench/harness/windows.ts';

/** A lane whose rounds took so much CPU time for a request. */
function lane(name: string, cpuUs: number[], { p99Ms = 1, residentMegabytes = 100 } = {}): LaneWindows {
  return {
    lane: { name, about: '', models: [], prepare: () => Promise.resolve(), command: () => ({ file: '', args: [] }) },
    windows: cpuUs.map((us) => ({ answered: 1000, seconds: 1, p50Ms: 1, p99Ms, errors: {}, cpuUs: us, busy: 1 })),
    residentMegabytes,
  };
}

function reached(verdicts: ReturnType<typeof targetsOf>): Record<string, boolean> {
  return Object.fromEntries(verdicts.map((verdict) => [verdict.what, verdict.reached]));
}

describe('targets', () => {
  it('are held against the ratios within each round, and leave out lanes that were not measured', () => {
    // The machine is four times slower in the last round: no ratio notices.
    const lanes = [lane('nestor', [40, 44, 160], { p99Ms: 3 }), lane('bare-node', [20, 20, 80])];
    expect(reached(targetsOf('row', { lanes, alone: [] }))).toEqual({
      'CPU time of nestor to bare-node': true,
      'CPU time of nestor to bare-node (stretch)': false,
      'p99 of nestor to bare-node': false,
      'memory of nestor': true,
    });
  });

  it('say parts where a part is asked for', () => {
    const lanes = [lane('nestor', [10]), lane('fastapi-tutorial', [260]), lane('bare-node', [5])];
    expect(verdictTable(targetsOf('row', { lanes, alone: [] }))).toMatch(
      /fastapi-tutorial +\| +at most 1\/25.0 \| +1\/26.0 \| +yes/,
    );
  });

  it('compare the MLP with the model alone, round by round', () => {
    const alone = [1800, 2200].map((rowsPerSecond) => ({ rowsPerSecond, runMs: 1, cpuUsPerRow: 120 }));
    const lanes = [lane('nestor', [300, 300]), lane('bare-node-alone', [1000, 1000])];
    expect(reached(targetsOf('mlp', { lanes, alone }))).toEqual({
      'CPU time of nestor to bare-node-alone': false,
      'requests/s of nestor to rows/s of the model alone': true,
      'the same by CPU time': false,
    });
  });

  it('speak of the service alone where it starts', () => {
    const start = { seconds: 0.8, cpuSeconds: 1, idleMegabytes: 100, idleCpuMs: 1, loadedMegabytes: 250 };
    expect(reached(startTargets([{ lane: lane('nestor', []).lane, starts: [start] }]))).toEqual({
      'start of nestor to the first prediction': true,
      'memory of nestor after load': false,
    });
    expect(startTargets([{ lane: lane('bare-node', []).lane, starts: [start] }])).toEqual([]);
  });
});

describe('a soak', () => {
  const counts = { slow: { 200: 10, 503: 1, 504: 1, left: 1 } };
  const tally = { counts, wrong: 0, unanswered: 0, unexpected: 0, examples: [] };

  function soak(megabytes: number[], changes = {}) {
    const memory = megabytes.map((value, index) => ({ minute: index + 0.5, megabytes: value }));
    const report = { seconds: megabytes.length * 60, tally: { ...tally, ...changes } };
    return reached(soakTargets({ report, minutes: megabytes.length, memory, busy: 1 }));
  }

  it('is passed when memory stays where it was after the first minute', () => {
    expect(Object.values(soak([100, 200, 260, 205]))).not.toContain(false);
    expect(soak([100, 200, 201, 215])).toMatchObject({ 'memory, the last minute to the second': false });
  });

  it('does not judge memory in less than three minutes', () => {
    expect(soak([100, 200])).not.toHaveProperty('memory, the last minute to the second');
  });

  it.each([
    [{ wrong: 1 }, 'answers that differ from the lone one'],
    [{ unanswered: 1 }, 'requests without an answer'],
    [{ unexpected: 1 }, 'answers that were not to be expected'],
    [{ counts: { slow: { 200: 10, 503: 1, left: 1 } } }, 'expired deadlines (504) happened'],
  ])('fails by %j', (changes, what) => {
    const failed = Object.entries(soak([100, 200, 200], changes)).filter(([, isReached]) => !isReached);
    expect(failed).toEqual([[what, false]]);
  });
});

describe('a quantile', () => {
  it('lies between the values beside it', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
  });

  it('bears windows without answers: endless ones, and what has no ratio', () => {
    expect(median([1, Infinity, Infinity, Infinity])).toBe(Infinity);
    expect(median([1, NaN, 3])).toBe(2);
  });
});

describe('slope', () => {
  it('is that of the line through the points', () => {
    expect(slope([1, 2, 3, 4], [10, 12, 14, 16])).toBeCloseTo(2);
    expect(slope([1, 2, 3], [5, 8, 5])).toBeCloseTo(0);
  });
});
