import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
// As a type only: what is left of the other form would run the program here.
import type { RestlessSeen } from '../clients/restless.ts';
import { nestor } from '../lanes/nestor/lane.ts';
import { SERVER_CORE } from './cores.ts';
import { BENCH } from './places.ts';
import { type Command, start, stop } from './processes.ts';
import { progress } from './progress.ts';
import { SCENARIOS } from './scenario.ts';
import { Server } from './server.ts';
import { quantile } from './statistics.ts';
import { figure, table } from './table.ts';
import { none, type Verdict } from './verdict.ts';

/** A stretch of time, in milliseconds since 1970. */
interface Span {
  kind: 'steady' | 'restart';
  from: number;
  to: number;
}

export interface Restarts {
  spans: { kind: Span['kind']; seconds: number; perSecond: number; p50: number; p99: number; longest: number }[];
  answered: number;
  wrong: number;
  lost: string[];
}

const WORKERS = 2;
const CLIENTS = 8;
const SERVER = nestor('nestor-workers', `nestor with ${WORKERS} workers`, {
  WORKERS: String(WORKERS),
  LOG_REQUESTS: 'off',
});
const LIMIT_MS = 120_000;

/** Restarts all workers again and again while clients ask without a pause. */
export async function restarts({
  rounds = 4,
  seconds = 5,
}: {
  rounds?: number | undefined;
  seconds?: number | undefined;
}): Promise<Restarts> {
  await SERVER.prepare();
  const [row] = SCENARIOS as [(typeof SCENARIOS)[number]];
  // On any core: a worker that starts needs one beside those that serve.
  const server = await Server.start(SERVER, row, SERVER_CORE, anywhere);
  const args = [join(BENCH, 'clients', 'restless.ts'), server.url, String(CLIENTS)];
  const crowd = await start({ file: process.execPath, args }, ['pipe', 'pipe', 'inherit']);
  try {
    const printed = text(crowd.stdout as Readable);
    const spans: Span[] = [];
    // The workers are compiling still.
    await sleep(seconds * 1000);
    for (let round = 1; round <= rounds; round++) {
      progress(`restart: round ${round} of ${rounds}`);
      spans.push(await span('steady', () => sleep(seconds * 1000)));
      spans.push(await span('restart', () => restart(server, round)));
      await sleep(seconds * 1000);
    }
    const ended = once(crowd, 'close');
    crowd.stdin?.end();
    const seen = JSON.parse(await printed) as RestlessSeen;
    await ended;
    const { answers, wrong, lost } = seen;
    return { spans: spans.map((one) => within(one, seen)), answered: answers.length, wrong, lost };
  } finally {
    await stop(crowd);
    await server.stop();
  }
}

function anywhere(command: Command): Command {
  const free = { ...command };
  delete free.core;
  return free;
}

async function restart(server: Server, round: number): Promise<void> {
  server.signal('SIGHUP');
  for (const deadline = performance.now() + LIMIT_MS; server.printed('"restart_done"') < round;) {
    if (performance.now() > deadline) throw new Error('the restart does not end: see bench/.work/logs');
    await sleep(20);
  }
}

async function span(kind: Span['kind'], during: () => Promise<unknown>): Promise<Span> {
  const from = Date.now();
  await during();
  return { kind, from, to: Date.now() };
}

function within({ kind, from, to }: Span, { answers }: RestlessSeen): Restarts['spans'][number] {
  const delays = answers.filter(({ at }) => at >= from && at < to).map(({ ms }) => ms);
  const seconds = (to - from) / 1000;
  return {
    kind,
    seconds,
    perSecond: delays.length / seconds,
    p50: quantile(delays, 0.5),
    p99: quantile(delays, 0.99),
    longest: quantile(delays, 1),
  };
}

export function restartTable({ spans }: Restarts): string {
  return table(
    ['', 'seconds', 'requests/s', 'p50 ms', 'p99 ms', 'longest ms'],
    spans.map(({ kind, ...figures }) => [kind, ...Object.values(figures).map(figure)]),
  );
}

export function restartTargets({ answered, wrong, lost }: Restarts): Verdict[] {
  return [none(`requests lost, of ${answered}`, lost.length), none('wrong answers', wrong)];
}
