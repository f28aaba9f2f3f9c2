import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { install } from './apt-get.js';
import { freePort } from './free-port.js';
import { until } from './until.js';

const run = promisify(execFile);
const IMAGE = 'redis:8';
/** Debian's package of Redis starts a service; that of its tools has the same program, under this name. */
const DEBIAN = { package: 'redis-tools', program: 'redis-check-rdb' };

/** A server that tests may stop and start again. */
export interface RedisServer {
  url: string;
  /** Stops answering, without closing anything. */
  freeze(): void;
  thaw(): void;
  /** Ends at once, as by a crash; what it held is lost. */
  kill(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * A real Redis: of a program that is there, that apt-get installs without a password, or in Docker. Undefined where a
 * machine has none of these: such tests are then skipped.
 */
export async function startRedis(): Promise<RedisServer | undefined> {
  const program = findProgram() ?? ((await install(DEBIAN.package)) ? findProgram() : undefined);
  return program === undefined ? Container.make() : Program.make(program);
}

/** The address for tests that stop nothing: of the server that TEST_REDIS_URL names, else of this one. */
export function sharedUrl(server: RedisServer): string {
  return process.env.TEST_REDIS_URL ?? server.url;
}

/** What a server answers to a command. */
export async function command(url: string, name: string, ...words: (string | number)[]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(name, ...words);
  } finally {
    client.disconnect();
  }
}

function findProgram(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['redis-server', 'valkey-server', DEBIAN.program];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

class Program implements RedisServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async make(program: string): Promise<Program> {
    const made = new Program(program, await mkdtemp(join(tmpdir(), 'nestor-redis-')), await freePort());
    await made.start();
    return made;
  }

  get url(): string {
    return `redis://127.0.0.1:${String(this.port)}`;
  }

  async start(): Promise<void> {
    const { folder, port, program } = this;
    const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    // It is what it is called.
    this.child = spawn(program, words, { argv0: 'redis-server', cwd: folder, env: {}, stdio: 'ignore' });
    await untilAnswers(this.url);
  }

  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

class Container implements RedisServer {
  private constructor(
    private readonly id: string,
    readonly url: string,
  ) {}

  static async make(): Promise<Container | undefined> {
    const port = String(await freePort());
    try {
      const { stdout } = await run('docker', ['run', '-d', '-p', `127.0.0.1:${port}:6379`, IMAGE, '--save', '']);
      const made = new Container(stdout.trim(), `redis://127.0.0.1:${port}`);
      await untilAnswers(made.url);
      return made;
    } catch {
      return undefined;
    }
  }

  freeze(): void {
    execFileSync('docker', ['pause', this.id]);
  }

  thaw(): void {
    execFileSync('docker', ['unpause', this.id]);
  }

  async kill(): Promise<void> {
    await run('docker', ['kill', this.id]);
  }

  async start(): Promise<void> {
    await run('docker', ['start', this.id]);
    await untilAnswers(this.url);
  }

  async remove(): Promise<void> {
    await run('docker', ['rm', '-f', '-v', this.id]);
  }
}

async function untilAnswers(url: string): Promise<void> {
  await until(async () => (await command(url, 'ping').catch(() => undefined)) === 'PONG');
}
