/**
 * Asks at a fixed pace, whether or not answers come, beside clients that keep a slow model busy.
 *
 *     node steady.ts JSON        (see SteadyPlan; prints SteadySeen)
 *
 * A delay counts from the moment at which a request was due: what a stalled server makes wait counts in full, also for
 * those who could not be sent in time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpClient, type Question } from './http-client.ts';

export interface SteadyPlan {
  url: string;
  /** Asked at their pace by schedule. */
  probes: Record<string, Question>;
  everyMs: number;
  seconds: number;
  /** Asked again and again by so many clients, each of which waits for its answer; from `leadSeconds` before the probes on. */
  busy?: { question: Question; clients: number };
  leadSeconds: number;
  /** Who asks when all of them wait for an answer waits for one of them; without it there are as many as are needed. */
  connections?: number;
}

export interface SteadySeen {
  probes: Record<string, { delaysMs: number[]; failed: number }>;
  /** How late requests were sent: what of the delays is the client's own. */
  sentLateMs: number[];
  /** Answers to the clients of the slow model, in all of their time. */
  busyAnswered: number;
  busyFailed: number;
  busySeconds: number;
}

const plan = JSON.parse(process.argv[2] ?? '') as SteadyPlan;
const { probes, everyMs, seconds, busy, leadSeconds } = plan;
const client = new HttpClient(plan.url, plan.connections);
const seen: SteadySeen = { probes: {}, sentLateMs: [], busyAnswered: 0, busyFailed: 0, busySeconds: 0 };
const started = performance.now();
const from = started + leadSeconds * 1000;
const to = from + seconds * 1000;

const clients = Array.from({ length: busy?.clients ?? 0 }, () => keepBusy());
const names = Object.keys(probes);
// Each kind in the middle between two of another: they are not to wait for each other.
await Promise.all(names.map((name, index) => askSteadily(name, from + (index * everyMs) / names.length)));
await Promise.all(clients);
seen.busySeconds = (performance.now() - started) / 1000;
process.stdout.write(JSON.stringify(seen));
client.close();

async function askSteadily(name: string, first: number): Promise<void> {
  const probe = { delaysMs: [] as number[], failed: 0 };
  seen.probes[name] = probe;
  const asked: Promise<void>[] = [];
  for (let index = 0; index < Math.round((seconds * 1000) / everyMs); index++) {
    const due = first + index * everyMs;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    seen.sentLateMs.push(performance.now() - due);
    asked.push(
      succeeds(probes[name] as Question).then((isAnswered) => {
        probe.delaysMs.push(performance.now() - due);
        if (!isAnswered) probe.failed++;
      }),
    );
  }
  await Promise.all(asked);
}

async function keepBusy(): Promise<void> {
  while (performance.now() < to) {
    if (await succeeds(busy?.question as Question)) seen.busyAnswered++;
    else seen.busyFailed++;
  }
}

async function succeeds(question: Question): Promise<boolean> {
  try {
    return (await client.ask(question)).status === 200;
  } catch {
    return false;
  }
}
