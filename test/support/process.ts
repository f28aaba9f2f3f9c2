import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(process.cwd(), 'dist', 'bundle', 'main.js');
const PATIENCE_MS = 60_000;

/** The built service in a process of its own, as operators run it. */
export class ServiceProcess {
  stdout = '';
  stderr = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    child.stdout?.on('data', (data: Buffer) => (this.stdout += data.toString()));
    child.stderr?.on('data', (data: Buffer) => (this.stderr += data.toString()));
  }

  /** Starts it in an empty folder, with nothing in the environment but what is given. */
  static async start(environment: Record<string, string>, cwd?: string): Promise<ServiceProcess> {
    const folder = cwd ?? (await mkdtemp(join(tmpdir(), 'nestor-cwd-')));
    const env = { PATH: process.env.PATH, PORT: '0', GRPC_PORT: '0', ...environment };
    return new ServiceProcess(spawn(process.execPath, [MAIN], { cwd: folder, env }), folder);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Those that it has started, by their ids. */
  async childPids(): Promise<number[]> {
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'latin1').catch(() => '');
    return children.trim().split(' ').filter(Boolean).map(Number);
  }

  /** Waits until it handles signals, as the kernel says. */
  async handlesSignals(): Promise<void> {
    for (;;) {
      const status = await readFile(`/proc/${this.pid}/status`, 'latin1');
      const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
      if (caught & 1n) return; // SIGHUP: Node itself catches SIGTERM from the beginning, and ends by it
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** The log so far, line by line. */
  get log(): Record<string, unknown>[] {
    const lines = this.stdout.split('\n').filter((line) => line.startsWith('{'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Stops reading its log, as a log shipper that hangs, until `readOn`. */
  stopReading(): void {
    this.child.stdout?.pause();
  }

  readOn(): void {
    this.child.stdout?.resume();
  }

  /** Waits until it says that it listens. */
  async url(patienceMs = PATIENCE_MS): Promise<string> {
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline && this.child.exitCode === null) {
      const found = /Listening on (http:\/\/[^\s,"]+)/.exec(this.stdout);
      if (found?.[1]) return found[1];
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`it does not listen\n${this.stdout}\n${this.stderr}`);
  }

  /** Waits for its end, and clears its folder away. */
  async exit(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    await rm(this.folder, { recursive: true, force: true });
    return this.child.exitCode;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Waits for its end, though its log may not be read to the end yet. */
  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  /** Asks it to stop, and waits until it has. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.exit();
  }
}
