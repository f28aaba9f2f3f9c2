import { once } from 'node:events';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
// As types only: what is left of the other form would run the program here.
import type { SwapPlan, SwapSeen } from '../clients/swap.ts';
import { nestor } from '../lanes/nestor/lane.ts';
import { makeSwapModels, SWAP_MODELS } from '../setup/swap-models.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { BENCH } from './places.ts';
import { start, stop } from './processes.ts';
import { type ServedRequest } from './scenario.ts';
import { Server } from './server.ts';
import { quantile } from './statistics.ts';
import { figure, table } from './table.ts';
import { atLeast, none, type Verdict } from './verdict.ts';

export interface Swaps {
  seen: SwapSeen;
  wanted: number;
  megabytes: { before: number; after: number };
}

const SWAPS_PER_ROUND = 25;
const EVERY_MS = 5;
const LIMIT_MS = 30 * 60_000;
const SERVER = nestor('nestor-swap', 'nestor that looks at its folder at once', {
  MODELS_DIR: SWAP_MODELS,
  QUIET_MS: '20',
  WATCH_INTERVAL_MS: '1000',
});
const CLIENT = join(BENCH, 'clients', 'swap.ts');
/** The lane's settings say which model is served. */
const REQUEST: ServedRequest = { model: 'credit-risk', path: '/v1/models/m/predict', body: '{"x":1}' };

/** What clients notice while versions are replaced, added and removed. */
export async function swap({
  rounds = 20,
  seconds = 3,
}: {
  rounds?: number | undefined;
  seconds?: number | undefined;
}): Promise<Swaps> {
  makeSwapModels();
  await SERVER.prepare();
  const server = await Server.start(SERVER, REQUEST, SERVER_CORE);
  try {
    const before = server.residentMegabytes;
    const plan: SwapPlan = {
      url: server.url,
      folder: join(SWAP_MODELS, 'm'),
      rounds,
      swaps: SWAPS_PER_ROUND,
      seconds,
      everyMs: EVERY_MS,
    };
    const seen = await runClient(plan);
    return { seen, wanted: rounds * SWAPS_PER_ROUND, megabytes: { before, after: server.residentMegabytes } };
  } finally {
    await server.stop();
  }
}

async function runClient(plan: SwapPlan): Promise<SwapSeen> {
  const command = { file: process.execPath, args: [CLIENT, JSON.stringify(plan)], core: LOAD_CORE };
  const client = await start(command, ['ignore', 'pipe', 'inherit']);
  const limit = setTimeout(() => void stop(client), LIMIT_MS);
  const closed = once(client, 'close');
  const output = await text(client.stdout as Readable);
  await closed;
  clearTimeout(limit);
  if (client.exitCode !== 0) throw new Error('the clients broke down: see above');
  return JSON.parse(output) as SwapSeen;
}

export function swapTable({ seen, megabytes }: Swaps): string {
  const { delaysMs, inForceMs, sentLateMs, examples } = seen;
  const line = (name: string, values: readonly number[]) => [
    name,
    String(values.length),
    ...[0.5, 0.99, 0.999, 1].map((q) => figure(quantile(values, q))),
  ];
  const figures = table(
    ['what', 'count', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms'],
    [
      line('answers without swaps', delaysMs.steady),
      line('answers during swaps', delaysMs.swapping),
      line('from the file to its first answer', inForceMs),
      line('sent late', sentLateMs),
    ],
  );
  const memory = `Memory: ${figure(megabytes.before)} MB before, ${figure(megabytes.after)} MB after ${seen.swaps} swaps.`;
  return [figures, memory, ...(examples.length > 0 ? [examples.map((one) => `- ${one}`).join('\n')] : [])].join('\n\n');
}

export function swapTargets({ seen, wanted }: Swaps): Verdict[] {
  return [
    none('requests that failed', seen.failed),
    none('answers of a wrong version, or of files not in force', seen.wrong),
    atLeast('swaps', seen.swaps, wanted, String),
  ];
}
