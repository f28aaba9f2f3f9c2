import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of a second that Linux counts CPU time in, on every platform that Node runs on. */
const TICKS = 100;

/** CPU time that a process and all below it have used so far, user and system, in seconds. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const { fields } of tree(pid)) {
    // utime, stime, and the same of children that have ended: see proc_pid_stat(5).
    for (const value of fields.slice(11, 15)) ticks += Number(value);
  }
  return ticks / TICKS;
}

/** Memory that a process and all below it hold, in MiB. */
export function residentMegabytes(pid: number): number {
  let kilobytes = 0;
  for (const one of tree(pid)) {
    const status = readFileSync(`/proc/${one.pid}/status`, 'utf8');
    kilobytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
  }
  return kilobytes / 1024;
}

interface Stat {
  pid: number;
  /** From the third on (the state): the two before, the id and a name that may hold anything, are cut off. */
  fields: readonly string[];
}

function tree(root: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const found = all.filter(({ pid }) => pid === root);
  // Grows while it is walked: each one found brings its children.
  for (const { pid } of found) found.push(...all.filter(({ fields }) => Number(fields[1]) === pid));
  return found;
}

function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return { pid, fields: text.slice(text.lastIndexOf(')') + 2).split(' ') };
  } catch {
    return undefined; // It ended since the folder was listed.
  }
}
