/**
 * Publishes versions while clients ask at a fixed pace, and checks each answer: is it of the version that it names, and
 * of the files that were in force.
 *
 *     node swap.ts JSON        (see SwapPlan; prints SwapSeen)
 *
 * Half of the swaps replace the file of version 1, which half of the requests pin; the others add a version, which
 * becomes the default, and remove the oldest but version 1. A window of swaps and one without take turns.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SWAP_SIGNATURE, swapModel } from '../setup/swap-models.ts';
import { AnswersInForce } from './answers-in-force.ts';
import { HttpClient } from './http-client.ts';

export interface SwapPlan {
  url: string;
  /** Where the model `m` is; its version 1 answers 1. */
  folder: string;
  /** Pairs of windows, and swaps in each that has them. */
  rounds: number;
  swaps: number;
  /** Length of a window without swaps. */
  seconds: number;
  everyMs: number;
}

export interface SwapSeen {
  swaps: number;
  /** From the moment at which a request was due to its answer. */
  delaysMs: { steady: number[]; swapping: number[] };
  /** From the moment at which the last file was there to the first answer from it. */
  inForceMs: number[];
  sentLateMs: number[];
  failed: number;
  wrong: number;
  examples: string[];
}

const EXAMPLES = 10;
/** Beside version 1; a version that left may still be asked for by who has not seen the new one. */
const KEPT = 2;
const PATIENCE_MS = 20_000;
/** The first windows are not counted: what is compiled by then is compiled in both. */
const WARM_UP_MS = 3000;

const plan = JSON.parse(process.argv[2] ?? '') as SwapPlan;
const { url, folder, rounds, swaps, seconds, everyMs } = plan;
const client = new HttpClient(url);
const truth = new AnswersInForce();
const seen: SwapSeen = {
  swaps: 0,
  delaysMs: { steady: [], swapping: [] },
  inForceMs: [],
  sentLateMs: [],
  failed: 0,
  wrong: 0,
  examples: [],
};
let window: keyof SwapSeen['delaysMs'] | undefined;
let isOver = false;
/** The number that each publication answers: all different. */
let answer = 1;
let newestVersion = 1;
const versions: number[] = [];
/** The answers that were seen since the last publication. */
const answersSeen = new Set<number>();

truth.publish(answer, 1);
const asking = askSteadily();
await sleep(WARM_UP_MS);
for (let round = 1; round <= rounds; round++) {
  window = 'steady';
  await sleep(seconds * 1000);
  window = 'swapping';
  for (let swap = 0; swap < swaps; swap++) await (swap % 2 === 0 ? replaceFile() : addVersion());
  process.stderr.write(`swap: ${seen.swaps} swaps, ${seen.failed} failed, ${seen.wrong} wrong\n`);
}
isOver = true;
await asking;
client.close();
process.stdout.write(JSON.stringify(seen));

async function replaceFile(): Promise<void> {
  truth.publish(++answer, 1);
  const file = join(folder, '.new.onnx');
  writeFileSync(file, swapModel(answer));
  renameSync(file, join(folder, '1', 'model.onnx'));
  await inForce(answer);
}

async function addVersion(): Promise<void> {
  newestVersion++;
  truth.publish(++answer, newestVersion);
  const copying = join(folder, '.copying');
  mkdirSync(copying);
  writeFileSync(join(copying, 'model.onnx'), swapModel(answer));
  writeFileSync(join(copying, 'signature.yaml'), SWAP_SIGNATURE);
  renameSync(copying, join(folder, String(newestVersion)));
  versions.push(newestVersion);
  await inForce(answer);
  if (versions.length > KEPT) rmSync(join(folder, String(versions.shift())), { recursive: true });
}

async function inForce(wanted: number): Promise<void> {
  const since = performance.now();
  while (!answersSeen.has(wanted)) {
    if (performance.now() - since > PATIENCE_MS) throw new Error(`${wanted} is not in force after ${PATIENCE_MS} ms`);
    await sleep(1);
  }
  seen.inForceMs.push(performance.now() - since);
  answersSeen.clear();
  seen.swaps++;
}

async function askSteadily(): Promise<void> {
  const asked = new Set<Promise<void>>();
  const began = performance.now();
  for (let index = 0; !isOver; index++) {
    const due = began + index * everyMs;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    if (window) seen.sentLateMs.push(performance.now() - due);
    const one = askOnce(due, index % 2 === 0 ? 1 : undefined).finally(() => asked.delete(one));
    asked.add(one);
  }
  await Promise.all(asked);
}

async function askOnce(due: number, pin: number | undefined): Promise<void> {
  const at = window;
  const before = truth.seen;
  try {
    const { status, text, headers } = await client.ask({
      method: 'POST',
      path: '/v1/models/m/predict',
      body: '{"x":1}',
      ...(pin !== undefined && { headers: { 'X-Model-Version': String(pin) } }),
    });
    if (at) seen.delaysMs[at].push(performance.now() - due);
    if (status !== 200) throw new Error(`${status} ${text}`);
    const { prediction } = JSON.parse(text) as { prediction: number };
    answersSeen.add(prediction);
    const mistake = truth.check(prediction, Number(headers['x-model-version']), pin, before);
    if (mistake === undefined) return;
    seen.wrong++;
    example(mistake);
  } catch (error) {
    seen.failed++;
    example((error as Error).message);
  }
}

function example(text: string): void {
  if (seen.examples.length < EXAMPLES) seen.examples.push(text);
}
