import { execFileSync, spawn } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { Stopwatch } from './stopwatch.js';

/** Binds this thread to some cores, where they are given; returns those that it was bound to. */
function bind(...cores: string[]): string {
  const told = execFileSync('taskset', ['-cp', ...cores, String(process.pid)], { encoding: 'latin1' });
  return /affinity list: (\S+)/.exec(told)?.[1] as string;
}

function work(): number {
  const started = performance.now();
  let sum = 0;
  while (performance.now() - started < 200) for (let i = 0; i < 10_000; i++) sum += Math.sqrt(i);
  expect(sum).toBeGreaterThan(0);
  return performance.now() - started;
}

describe('Stopwatch', () => {
  const onLinux = process.platform === 'linux' ? it : it.skip;

  onLinux('takes off what others used the core for', () => {
    const before = bind();
    const core = String(parseInt(before));
    const others = [1, 2].map(() => spawn('taskset', ['-c', core, 'timeout', '5', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' })); // prettier-ignore
    bind(core);
    try {
      const watch = new Stopwatch();
      const ms = work();
      expect(watch.withoutWaits(ms) / ms).toBeLessThan(0.8); // a third, about
      expect(watch.withoutWaits(ms)).toBeGreaterThan(0);
    } finally {
      bind(before);
      for (const other of others) other.kill();
    }
  });

  it('never says more than was measured', () => {
    const watch = new Stopwatch();
    const ms = work();
    expect(watch.withoutWaits(ms)).toBeLessThanOrEqual(ms);
    expect(watch.withoutWaits(0.01)).toBeLessThanOrEqual(0.01);
  });
});
