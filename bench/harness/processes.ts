import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';

/** A program and what it gets. Of this process's environment it gets the PATH only. */
export interface Command {
  file: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** The core that it may run on; any without it. */
  core?: number;
}

const GRACE_MS = 5_000;

/** Every process that was started and has not ended. */
const alive = new Set<ChildProcess>();

/** @throws Error when there is no such program */
export async function start(command: Command, stdio: StdioOptions): Promise<ChildProcess> {
  const [program, ...args] = bound(command);
  const child = spawn(program, args, {
    stdio,
    env: { PATH: process.env.PATH, ...command.env },
    ...(command.cwd !== undefined && { cwd: command.cwd }),
  });
  alive.add(child);
  child.once('close', () => alive.delete(child));
  try {
    await once(child, 'spawn');
  } catch (error) {
    alive.delete(child);
    throw new Error(`${program} cannot be started: is it installed?`, { cause: error });
  }
  return child;
}

/**
 * Runs a program to its end.
 *
 * @returns what it printed
 * @throws Error with the last of what it said when it fails or takes longer than `limitMs`
 */
export async function run(command: Command, limitMs: number): Promise<string> {
  const child = await start(command, ['ignore', 'pipe', 'pipe']);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  await once(child, 'close');
  clearTimeout(timer);
  if (child.exitCode === 0) return stdout;
  const how = child.signalCode === null ? `exit code ${child.exitCode ?? '?'}` : `ended by ${child.signalCode}`;
  throw new Error(`${command.file} ${command.args.join(' ')}: ${how}\n${(stdout + stderr).slice(-2000)}`);
}

/** Asks a process to end, and ends it when it does not. */
export async function stop(child: ChildProcess): Promise<void> {
  if (!alive.has(child)) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await closed;
  clearTimeout(timer);
}

/**
 * The command line on its core, for a program that must not outlive this process: the kernel kills it then, however this
 * process ends. setpriv and taskset become the program that they start, so the process id is the program's own.
 */
function bound({ file, args, core }: Command): [string, ...string[]] {
  const pinned = core === undefined ? [] : ['taskset', '-c', String(core)];
  return ['setpriv', '--pdeathsig', 'KILL', ...pinned, file, ...args];
}
