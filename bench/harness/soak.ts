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
import { type MemorySample, type Soak } from './soak-report.ts';
import { sum } from './statistics.ts';

/** Small, so that a burst fills it. */
const QUEUE_LIMIT = 128;
/** Less than the crowd's patience: what the service cannot do in time it has to say. */
const DEADLINE_MS = 20_000;
const SERVER = nestor('nestor-soak', 'nestor with a short queue', {
  QUEUE_LIMIT: String(QUEUE_LIMIT),
  REQUEST_TIMEOUT_MS: String(DEADLINE_MS),
});

const CROWD = join(BENCH, 'clients', 'soak.ts');
const SAMPLE_MS = 5_000;

/** Asks the service more than it can do for some minutes, and looks whether it keeps what it promises. */
export async function soak({ minutes = 10 }: { minutes?: number | undefined }): Promise<Soak> {
  await makeMixedModels();
  await SERVER.prepare();
  const server = await Server.start(SERVER, SLOW_ROW, SERVER_CORE);
  const args = [CROWD, server.url, String(minutes * 60), String(DEADLINE_MS)];
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
