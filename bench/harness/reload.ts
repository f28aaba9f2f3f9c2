import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { heavyModel } from '../../test/support/onnx-writer.ts';
import { nestor } from '../lanes/nestor/lane.ts';
import { SWAP_SIGNATURE } from '../setup/swap-models.ts';
import { SERVER_CORE } from './cores.ts';
import { WORK } from './places.ts';
import { progress } from './progress.ts';
import { type ServedRequest } from './scenario.ts';
import { ask, Server } from './server.ts';
import { figure, table } from './table.ts';
import { asTimes, atMost, type Verdict } from './verdict.ts';

/** The server's memory after so many reloads, for a model of a size. */
export interface Reloads {
  model: string;
  megabytes: Record<number, number>;
}

const FOLDER = join(WORK, 'reload-models');
const SERVER = nestor('nestor-reload', 'nestor that looks at its folder at once', {
  MODELS_DIR: FOLDER,
  QUIET_MS: '20',
  WATCH_INTERVAL_MS: '1000',
});
/** The lane's settings say which model is served. */
const REQUEST: ServedRequest = { model: 'credit-risk', path: '/v1/models/m/predict', body: '{"x":1}' };
/** One for the HTTP thread, and one that gets a thread of its own. */
const MODELS = { '50 KB, on the HTTP thread': 0.05, '10 MB, on a thread': 10 };
const AT = [20, 100, 200];
const PATIENCE_MS = 30_000;
const MOST_GROWTH = 1.05;

/** Replaces a model's file again and again, and looks what the server's memory does. */
export async function reload(): Promise<Reloads[]> {
  const results: Reloads[] = [];
  await SERVER.prepare();
  for (const [model, megabytes] of Object.entries(MODELS)) {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(join(FOLDER, 'm', '1'), { recursive: true });
    writeFileSync(join(FOLDER, 'm', '1', 'signature.yaml'), SWAP_SIGNATURE);
    publish(heavyModel(0, megabytes));
    const server = await Server.start(SERVER, REQUEST, SERVER_CORE);
    try {
      results.push({ model, megabytes: await cycles(server, model, megabytes) });
    } finally {
      await server.stop();
    }
  }
  return results;
}

async function cycles(server: Server, model: string, megabytes: number): Promise<Record<number, number>> {
  const seen: Record<number, number> = {};
  for (let cycle = 1; cycle <= (AT.at(-1) as number); cycle++) {
    publish(heavyModel(cycle, megabytes));
    await answers(server, cycle);
    if (!AT.includes(cycle)) continue;
    const { residentMegabytes } = server;
    seen[cycle] = residentMegabytes;
    progress(`reload: ${model}: ${figure(residentMegabytes)} MB after ${cycle}`);
  }
  return seen;
}

function publish(bytes: Uint8Array): void {
  const file = join(FOLDER, '.new.onnx');
  writeFileSync(file, bytes);
  renameSync(file, join(FOLDER, 'm', '1', 'model.onnx'));
}

async function answers(server: Server, wanted: number): Promise<void> {
  const since = performance.now();
  for (;;) {
    const { status, text } = await ask(server.url, REQUEST);
    if (status === 200 && (JSON.parse(text) as { prediction: number }).prediction === wanted) return;
    if (performance.now() - since > PATIENCE_MS) throw new Error(`reload ${wanted} is not in force: ${status} ${text}`);
    await sleep(10);
  }
}

export function reloadTable(results: readonly Reloads[]): string {
  return table(
    ['model', ...AT.map((cycle) => `MB after ${cycle}`)],
    results.map(({ model, megabytes }) => [model, ...AT.map((cycle) => figure(megabytes[cycle] ?? NaN))]),
  );
}

/** From the hundredth on: before that the heap of a server that was just started finds its size. */
export function reloadTargets(results: readonly Reloads[]): Verdict[] {
  return results.map(({ model, megabytes }) =>
    atMost(
      `memory, reload 200 to 100: ${model}`,
      (megabytes[200] ?? NaN) / (megabytes[100] ?? NaN),
      MOST_GROWTH,
      asTimes,
    ),
  );
}
