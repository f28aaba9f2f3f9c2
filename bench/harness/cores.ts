import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Servers share one core, and take turns on it; the load comes from another. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** @throws Error saying what the machine lacks */
export function checkMachine(): void {
  if (process.platform !== 'linux') throw new Error('The benchmark needs Linux: it pins processes and reads /proc');
  if (availableParallelism() < 2) throw new Error('The benchmark needs two cores: one for servers, one for the load');
  try {
    execFileSync('setpriv', ['--pdeathsig', 'KILL', 'taskset', '--version'], { stdio: 'ignore' });
  } catch {
    throw new Error('The benchmark needs taskset and setpriv (Debian: apt-get install util-linux)');
  }
}
