import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { install } from './apt-get.js';
import { freePort } from './free-port.js';

const run = promisify(execFile);
const PATIENCE_MS = 30_000;
const DEBIAN = '/usr/lib/postgresql';
const IMAGE = 'postgres:18';
const ADMIN = 'nestor';

/** A server that tests may stop and start again. */
export interface PostgresServer {
  url: string;
  /** Stops answering, without closing anything. */
  freeze(): void;
  thaw(): void;
  /** Ends at once, as by a crash. */
  kill(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * A real PostgreSQL: of programs that are there (on the PATH or as Debian has them), that apt-get installs without a
 * password, or in Docker. Undefined where a machine has none of these: such tests are then skipped.
 */
export async function startPostgres(): Promise<PostgresServer | undefined> {
  const programs = findPrograms() ?? ((await install('postgresql')) ? findPrograms() : undefined);
  if (programs !== undefined) return Cluster.make(programs);
  return Container.make();
}

/** The address of a new, empty database on the server that TEST_DATABASE_URL names, else on this one. */
export async function emptyDatabase(server: PostgresServer): Promise<string> {
  const url = new URL(process.env.TEST_DATABASE_URL ?? server.url);
  const name = `nestor_${randomUUID().replaceAll('-', '')}`;
  await query(url.href, `create database ${name}`);
  url.pathname = `/${name}`;
  return url.href;
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function findPrograms(): string | undefined {
  const debian = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((release) => join(DEBIAN, release, 'bin')) : [];
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...debian];
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))));
}

/** A cluster in a temporary folder. PostgreSQL refuses to run as root: it is then somebody else's. */
class Cluster implements PostgresServer {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly programs: string,
    private readonly folder: string,
    private readonly user: { uid: number; gid: number } | undefined,
    private readonly port: number,
  ) {}

  static async make(programs: string): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'nestor-postgres-'));
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
    if (user) await chown(folder, user.uid, user.gid);
    const cluster = new Cluster(programs, folder, user, await freePort());
    const words = ['-D', join(folder, 'data'), '-U', ADMIN, '-A', 'trust', '--no-sync'];
    await run(join(programs, 'initdb'), words, { ...user, cwd: folder, env: {} });
    await cluster.start();
    return cluster;
  }

  get url(): string {
    return `postgres://${ADMIN}:secret@127.0.0.1:${String(this.port)}/postgres`;
  }

  async start(): Promise<void> {
    const { folder, port, user, programs } = this;
    const words = [
      '-D',
      join(folder, 'data'),
      '-p',
      String(port),
      '-k',
      folder,
      '-F',
      '-c',
      'listen_addresses=127.0.0.1',
    ];
    this.child = spawn(join(programs, 'postgres'), words, { ...user, cwd: folder, env: {}, stdio: 'ignore' });
    await untilAnswers(this.url);
  }

  /** Its processes are children of the first, which forks one for each connection. */
  freeze(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.pids()) process.kill(pid, 'SIGCONT');
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    // SIGQUIT has it end its children, too; a killed parent leaves them to find out for themselves.
    child.kill('SIGQUIT');
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    this.thaw();
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  private pids(): number[] {
    const first = this.child?.pid;
    if (first === undefined) return [];
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString().trim().split('\n');
    const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
    return [first, ...pairs.flatMap(([pid = 0, parent]) => (parent === first ? [pid] : []))];
  }
}

class Container implements PostgresServer {
  private constructor(
    private readonly id: string,
    readonly url: string,
  ) {}

  static async make(): Promise<Container | undefined> {
    const port = String(await freePort());
    const words = ['run', '-d', '-p', `127.0.0.1:${port}:5432`, '-e', `POSTGRES_USER=${ADMIN}`];
    try {
      const { stdout } = await run('docker', [...words, '-e', 'POSTGRES_PASSWORD=secret', IMAGE]);
      const made = new Container(stdout.trim(), `postgres://${ADMIN}:secret@127.0.0.1:${port}/postgres`);
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
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await query(url, 'select 1');
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
