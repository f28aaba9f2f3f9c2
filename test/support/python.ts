import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const FOLDER = join(process.cwd(), 'test', 'open-inference');
const REQUIREMENTS = join(FOLDER, 'requirements.txt');
/** Ignored by git, and kept: making an environment takes a minute. */
const CACHE = join(FOLDER, '.venv');

const PROBE = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 9))';
const INSTALL_LIMIT_MS = 15 * 60_000;
const SCRIPT_LIMIT_MS = 120_000;
const MOST_OUTPUT = 64 * 1024 ** 2;

/** What stands in the title of tests that a machine cannot run. */
export const NO_PYTHON = 'there is no Python 3.9 or later with venv';

/** A Python that has what test/open-inference/requirements.txt names. */
export class Python {
  private constructor(private readonly program: string) {}

  /**
   * The environment of the tests, made by the first of them that asks. Undefined where the machine has no Python for it:
   * such tests are then skipped, but never where CI is set.
   *
   * @throws Error where it could not be made
   */
  static async find(): Promise<Python | undefined> {
    const version = await run('python3', ['-c', PROBE]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    );
    if (version === undefined) {
      if (process.env.CI !== undefined) throw new Error(`${NO_PYTHON}: install python3 and python3-venv`);
      return undefined;
    }
    const hash = createHash('sha256')
      .update(await readFile(REQUIREMENTS))
      .update(version);
    const environment = join(CACHE, hash.digest('hex').slice(0, 12));
    await inTurn(() => make(environment));
    return new Python(join(environment, 'bin', 'python'));
  }

  /**
   * Runs a script of test/open-inference, with its arguments.
   *
   * @returns the JSON that it prints
   * @throws Error with what it said, when it fails
   */
  async json(script: string, ...args: string[]): Promise<unknown> {
    const { stdout } = await run(this.program, ['-X', 'utf8', join(FOLDER, script), ...args], {
      timeout: SCRIPT_LIMIT_MS,
      maxBuffer: MOST_OUTPUT,
      env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1', ORT_DISABLE_TELEMETRY: '1' },
    });
    return JSON.parse(stdout) as unknown;
  }
}

/** Makes an environment, unless it is there. It takes its name when it is complete. */
async function make(environment: string): Promise<void> {
  if (existsSync(environment)) return;
  const unfinished = `${environment}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', unfinished], { timeout: INSTALL_LIMIT_MS });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
  await run(join(unfinished, 'bin', 'python'), pip, { timeout: INSTALL_LIMIT_MS });
  await rename(unfinished, environment);
}

/** One after the other, over all of Jest's processes. */
async function inTurn(work: () => Promise<void>): Promise<void> {
  const lock = join(CACHE, 'lock');
  await mkdir(CACHE, { recursive: true });
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      const holder = Number(await readFile(lock, 'utf8').catch(() => '')) || process.pid;
      if (!isAlive(holder)) await rm(lock, { force: true });
      else await sleep(200);
    }
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
