// As a type only: what is left of the other form would run the program here.
import type { SoakReport } from '../clients/soak.ts';
import { median, quantile, slope, sum } from './statistics.ts';
import { figure, table } from './table.ts';
import { asTimes, atLeast, atMost, none, type Verdict } from './verdict.ts';

export interface Soak {
  report: SoakReport;
  /** Minutes that the crowd asked. */
  minutes: number;
  /** Of the server, from the crowd's first request on. */
  memory: MemorySample[];
  /** The share of its core that the server had. */
  busy: number;
}

export interface MemorySample {
  /** Since the crowd began. */
  minute: number;
  megabytes: number;
}

/** Memory is judged from here on: by then everything has been compiled, and the heap has its size. */
const SETTLED_MINUTES = 1;
/** The second minute and the last one must be two. */
const LEAST_MINUTES = 3;
const MOST_GROWTH = 1.05;

export function soakTable({ report: { tally, liveDelaysMs = [] }, memory, busy }: Soak): string {
  const outcomes = [...new Set(Object.values(tally.counts).flatMap((counts) => Object.keys(counts)))].sort();
  const counts = table(
    ['clients', ...outcomes],
    Object.entries(tally.counts).map(([kind, seen]) => [
      kind,
      ...outcomes.map((outcome) => String(seen[outcome] ?? 0)),
    ]),
  );
  const live = [0.5, 0.99, 1].map((q) => figure(quantile(liveDelaysMs, q)));
  const settled = memory.filter(({ minute }) => minute >= SETTLED_MINUTES);
  const growth = slope(
    settled.map(({ minute }) => minute),
    settled.map(({ megabytes }) => megabytes),
  );
  const figures = table(
    ['live p50 ms', 'live p99 ms', 'live max ms', 'RSS MB at the end', 'slope MB/minute', 'busy'],
    [[...live, figure(memory.at(-1)?.megabytes ?? NaN), figure(growth), `${Math.round(busy * 100)} %`]],
  );
  const examples = tally.examples.map((example) => `- ${example}`).join('\n');
  return [counts, figures, ...(examples ? [examples] : [])].join('\n\n');
}

export function soakTargets({ report: { tally }, minutes, memory }: Soak): Verdict[] {
  const seen = (outcome: string) => sum(Object.values(tally.counts).map((counts) => counts[outcome] ?? 0));
  const happened = (what: string, outcome: string) => atLeast(`${what} happened`, seen(outcome), 1, String);
  return [
    none('answers that differ from the lone one', tally.wrong),
    none('requests without an answer', tally.unanswered),
    none('answers that were not to be expected', tally.unexpected),
    ...growthOf(memory, minutes),
    // A soak in which none of these took place shows nothing of them.
    happened('overload (503)', '503'),
    happened('expired deadlines (504)', '504'),
    happened('clients that left', 'left'),
  ];
}

/** A short soak cannot tell. */
function growthOf(memory: readonly MemorySample[], minutes: number): Verdict[] {
  if (minutes < LEAST_MINUTES) return [];
  const between = (from: number, to: number) =>
    median(memory.filter(({ minute }) => minute >= from && minute < to).map(({ megabytes }) => megabytes));
  const ratio = between(minutes - 1, minutes) / between(SETTLED_MINUTES, SETTLED_MINUTES + 1);
  return [atMost('memory, the last minute to the second', ratio, MOST_GROWTH, asTimes)];
}
