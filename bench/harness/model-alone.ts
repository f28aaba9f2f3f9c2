import { join } from 'node:path';
import { SERVER_CORE } from './cores.ts';
import { BENCH } from './places.ts';
import { run } from './processes.ts';

/** What a model takes when nothing but its runs is done. */
export interface Alone {
  rowsPerSecond: number;
  runMs: number;
  cpuUsPerRow: number;
}

const LOOP = join(BENCH, 'lanes', 'bare-node', 'loop.ts');
const MARGIN_MS = 60_000;

/** Runs a model again and again in a process of its own on the servers' core, on `rows` rows at a time. */
export async function modelAlone(file: string, rows: number, seconds: number): Promise<Alone> {
  const output = await run(
    {
      file: process.execPath,
      args: [LOOP, file, String(rows), String(seconds)],
      env: { ORT_DISABLE_TELEMETRY: '1' },
      core: SERVER_CORE,
    },
    seconds * 1000 + MARGIN_MS,
  );
  return JSON.parse(output) as Alone;
}
