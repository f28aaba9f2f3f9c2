/**
 * The model by itself, without a server: runs it again and again on the same rows, and prints what that took.
 *
 *     node loop.ts FILE ROWS SECONDS
 *
 * The model has one input of float32, `[N, columns]`.
 */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { type Alone } from '../../harness/model-alone.ts';
import { createSession } from './session.ts';

const [file = '', rowsText, secondsText] = process.argv.slice(2);
const rows = Number(rowsText);
const WARM_UP_MS = 300;

const session = await createSession(file);
const feeds = someRows(session);
await runFor(WARM_UP_MS);
const cpu = process.cpuUsage();
const { runs, ms } = await runFor(Number(secondsText) * 1000);
const { user, system } = process.cpuUsage(cpu);
const alone: Alone = {
  rowsPerSecond: (runs * rows) / (ms / 1000),
  runMs: ms / runs,
  cpuUsPerRow: (user + system) / (runs * rows),
};
process.stdout.write(JSON.stringify(alone));
await session.release();

async function runFor(wantedMs: number): Promise<{ runs: number; ms: number }> {
  const started = performance.now();
  let runs = 0;
  let ms = 0;
  while (ms < wantedMs) {
    await session.run(feeds);
    runs++;
    ms = performance.now() - started;
  }
  return { runs, ms };
}

function someRows({ inputMetadata }: InferenceSession): Record<string, Tensor> {
  const [input] = inputMetadata;
  if (!input?.isTensor) throw new Error(`${file} has no tensor for an input`);
  const columns = Number(input.shape[1]);
  const data = Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(index * 12.9898));
  return { [input.name]: new Tensor('float32', data, [rows, columns]) };
}
