import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
// As a type only: what is left of the other form would run the program here.
import type { SoakReport } from '../clients/soak.ts';
import { nestor } from '../lanes/nestor/lane.ts';
import { makeMixedModels } from '../setup/mixed-models.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { BENCH } from './places.ts';
import { start, stop } from './processes.ts';
import { progress } from './progress.ts';
import { SLOW_ROW } from './scenario.ts';
import { Server } from './server.ts';
import { median, quantile, slope } from './statistics.ts';
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

interface MemorySample {
  /** Since the crowd began. */
  minute: number;
  megabytes: number;
}

/** Small, so that a burst fills it. */
const QUEUE_LIMIT = 128;
const SERVER = nestor('nestor-soak', 'nestor with a short queue', { QUEUE_LIMIT: String(QUEUE_LIMIT) });

const CROWD = join(BENCH, 'clients', 'soak.ts');
const SAMPLE_MS = 5_000;
/** Memory is judged from here on: by then everything has been compiled, and the heap has its size. */
const SETTLED_MINUTES = 1;
/** Minute 2 and the last one must be two. */
const LEAST_MINUTES = 3;
const MOST_GROWTH = 1.05;

/** Asks the service more than it can do for some minutes, and looks whether it keeps what it promises. */
export async function soak({ minutes = 10 }: { minutes?: number | undefined }): Promise<Soak> {
  await makeMixedModels();
  await SERVER.prepare();
  const server = await Server.start(SERVER, SLOW_ROW, SERVER_CORE);
  const args = [CROWD, server.url, String(minutes * 60)];
  const crowd = await start({ file: process.execPath, args, core: LOAD_CORE }, ['ignore', 'pipe', 'inherit']);
  try {
    const reports = createInterface({ input: crowd.stdout as Readable });
    const ended = once(crowd, 'close');
    const watched = await watch(server, minutes, reports);
    await ended;
    if (crowd.exitCode !== 0) throw new Error('the crowd of clients broke down: see above');
    return watched;
  } finally {
    await stop(crowd);
    await server.stop();
  }
}

async function watch(server: Server, minutes: number, reports: AsyncIterable<string>): Promise<Soak> {
  const memory: MemorySample[] = [];
  let began = 0;
  let timer: NodeJS.Timeout | undefined;
  let last: SoakReport | undefined;
  let cpu = 0;
  const sample = () => {
    memory.push({ minute: (performance.now() - began) / 60_000, megabytes: server.residentMegabytes });
    server.emptyLog();
  };
  try {
    for await (const line of reports) {
      last = JSON.parse(line) as SoakReport;
      if (!timer) {
        began = performance.now();
        cpu = server.cpuSeconds;
        timer = setInterval(sample, SAMPLE_MS);
      }
      sayHow(last, minutes, memory);
      if (server.hasEnded) throw new Error('the server ended: see bench/.work/logs');
    }
  } finally {
    clearInterval(timer);
  }
  if (!last) throw new Error('the crowd of clients said nothing');
  return { report: last, minutes, memory, busy: (server.cpuSeconds - cpu) / last.seconds };
}

function sayHow({ seconds, tally }: SoakReport, minutes: number, memory: readonly MemorySample[]): void {
  const answers = sum(Object.values(tally.counts).flatMap((counts) => Object.values(counts)));
  const megabytes = memory.at(-1)?.megabytes;
  progress(
    `soak: ${(seconds / 60).toFixed(1)} of ${minutes} min, ${answers} requests, ${tally.wrong} wrong, ` +
      `${tally.unanswered} unanswered, ${tally.unexpected} unexpected, ${megabytes?.toFixed(0) ?? '?'} MB`,
  );
}

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
  return [counts, figures, ...tally.examples.map((example) => `- ${example}`)].join('\n\n');
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

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
