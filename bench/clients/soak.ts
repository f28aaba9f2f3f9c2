/**
 * A crowd of clients that together ask more than a server can do, each request with features of its own, each answer
 * checked against the one that its rows got alone.
 *
 *     node soak.ts URL SECONDS DEADLINE_MS    (prints SoakReport, a line every ten seconds and one at the end)
 *
 * DEADLINE_MS is the server's own, for those who set none.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { creditRiskRow } from '../harness/credit-risk-rows.ts';
import { MIXED_FEATURES } from '../setup/mixed-models.ts';
import { HttpClient } from './http-client.ts';
import { type KnownQuestion, KnownRows } from './known-rows.ts';
import { Tally } from './tally.ts';

export interface SoakReport {
  /** Since the crowd began; the first report is at 0. */
  seconds: number;
  tally: Pick<Tally, 'counts' | 'wrong' | 'unanswered' | 'unexpected' | 'examples'>;
  /** Only in the last: how long /health/live took, from the moment it was due. */
  liveDelaysMs?: number[];
}

/** Clients of one kind, each of which asks, waits for its answer, and asks again. */
interface Kind {
  name: string;
  clients: number;
  ask: () => KnownQuestion;
  /** Requests that such a client has on their way at once, and how long it rests after them. */
  burst?: { requests: number; restMs: number };
  /** The client goes away after so many milliseconds. */
  leavesAfterMs?: () => number;
  /** The deadline that it asks for. */
  timeoutMs?: () => number;
}

const REPORT_MS = 10_000;
const LIVE_EVERY_MS = 100;
/** A request that has no answer by then will have none. */
const PATIENCE_MS = 60_000;
/** A client that was turned away, or went, does not come back at once: connections by the thousand are another test. */
const REST_MS = 50;
const LARGEST_BATCH = 100;
const TIMEOUTS_MS = [5, 50, 200, 1000];

const [url = '', secondsText, deadlineText] = process.argv.slice(2);
const client = new HttpClient(url);
const tally = new Tally();
const creditRisk = await KnownRows.learn(client, 'credit-risk', rows(100, creditRiskRow));
const mixing = await KnownRows.learn(client, 'mixing', rows(100, numbers));
const slow = await KnownRows.learn(client, 'slow', rows(30, numbers));

const KINDS: readonly Kind[] = [
  { name: 'single', clients: 12, ask: () => creditRisk.single() },
  { name: 'batch', clients: 4, ask: () => creditRisk.batch(upTo(LARGEST_BATCH)) },
  { name: 'mixing single', clients: 4, ask: () => mixing.single() },
  { name: 'slow single', clients: 8, ask: () => slow.single() },
  { name: 'slow burst', clients: 1, ask: () => slow.single(), burst: { requests: 200, restMs: 2000 } },
  { name: 'leaving', clients: 2, ask: () => creditRisk.single(), leavesAfterMs: () => upTo(10) },
  { name: 'slow leaving', clients: 2, ask: () => slow.single(), leavesAfterMs: () => upTo(500) },
  { name: 'hurried', clients: 2, ask: () => creditRisk.single(), timeoutMs: anyTimeout },
  { name: 'slow hurried', clients: 4, ask: () => slow.single(), timeoutMs: anyTimeout },
];

const started = performance.now();
const end = started + Number(secondsText) * 1000;
const liveDelaysMs: number[] = [];
const reporting = setInterval(() => {
  report();
}, REPORT_MS);
report();
await Promise.all([...KINDS.flatMap((kind) => rows(kind.clients, () => keepAsking(kind))), askLive()]);
// Whatever the storm left behind would show now.
for (const question of [creditRisk, mixing, slow].flatMap((known) => known.all())) {
  await askOnce({ name: 'afterwards', clients: 1, ask: () => question });
}
clearInterval(reporting);
report(liveDelaysMs);
client.close();

function report(delays?: number[]): void {
  const seconds = (performance.now() - started) / 1000;
  const line: SoakReport = { seconds, tally, ...(delays && { liveDelaysMs: delays }) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function keepAsking(kind: Kind): Promise<void> {
  const { requests, restMs } = kind.burst ?? { requests: 1, restMs: 0 };
  while (performance.now() < end) {
    await Promise.all(rows(requests, () => askOnce(kind)));
    if (restMs > 0) await sleep(Math.min(restMs, Math.max(0, end - performance.now())));
  }
}

async function askOnce({ name, ask, leavesAfterMs, timeoutMs }: Kind): Promise<void> {
  const question = ask();
  const timeout = timeoutMs?.();
  const headers = timeout !== undefined && { 'X-Request-Timeout-Ms': String(timeout) };
  const asked = performance.now();
  const going = new AbortController();
  const timer = setTimeout(() => {
    going.abort();
  }, leavesAfterMs?.() ?? PATIENCE_MS);
  try {
    const answer = await client.ask({ ...question, ...(headers && { headers }) }, going.signal);
    const waitedMs = performance.now() - asked;
    tally.answered(name, question, answer, { waitedMs, deadlineMs: timeout ?? Number(deadlineText) });
    if (answer.status === 200) return;
  } catch (error) {
    if (leavesAfterMs && going.signal.aborted) tally.left(name);
    else tally.failed(name, error);
  } finally {
    clearTimeout(timer);
  }
  await sleep(REST_MS);
}

/** The probe of an orchestrator, by schedule. */
async function askLive(): Promise<void> {
  const asked: Promise<void>[] = [];
  for (let due = started; due < end; due += LIVE_EVERY_MS) {
    await sleep(Math.max(0, due - performance.now()));
    asked.push(askLiveOnce(due));
  }
  await Promise.all(asked);
}

async function askLiveOnce(due: number): Promise<void> {
  try {
    const { status } = await client.ask({ method: 'GET', path: '/health/live' }, AbortSignal.timeout(PATIENCE_MS));
    if (status !== 200) throw new Error(`status ${status}`);
    liveDelaysMs.push(performance.now() - due);
  } catch (error) {
    tally.failed('live', error);
  }
}

function rows<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Numbers that make each row another one. */
function numbers(index: number): { x: number[] } {
  return { x: rows(MIXED_FEATURES, (column) => Number(Math.sin(index * 12.9898 + column * 78.233).toFixed(6))) };
}

/** A whole number from 1 on. */
function upTo(most: number): number {
  return 1 + Math.floor(Math.random() * most);
}

function anyTimeout(): number {
  return TIMEOUTS_MS[upTo(TIMEOUTS_MS.length) - 1] as number;
}
