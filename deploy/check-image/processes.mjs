import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

const running = new Map();

/** Ends what was started and still runs, each by its own id, and waits for it. What runs in a PID namespace ends with it. */
export async function endAll() {
  for (const child of running.keys()) child.kill('SIGKILL');
  await Promise.allSettled(running.values());
}

/** Starts a command whose output is kept, in the file `log` too. `ended` is its exit code; null after a signal. */
export function start(file, args, { log, ...options }) {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const started = { child, output: '' };
  const sink = createWriteStream(log, { flags: 'a' });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      started.output += data;
      sink.write(data);
    });
  started.ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => {
    running.delete(child);
    sink.end();
  });
  // Who waits for it gets the error; nobody may be waiting yet.
  started.ended.catch(() => {});
  running.set(child, started.ended);
  return started;
}

/** Runs a command to its end, and gives its output, or an error that shows the last lines of it. */
export function run(file, args, options) {
  return succeeded(start(file, args, options));
}

/** The same for one that was started already. */
export async function succeeded(started) {
  const code = await started.ended;
  if (code === 0) return started.output;
  const end = started.output.trim().split('\n').slice(-30).join('\n');
  throw new Error(`${started.child.spawnfile} ended with ${code}\n${end}`);
}
