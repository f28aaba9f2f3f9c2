import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const TESTS = join(process.cwd(), 'test');
const OPEN_INFERENCE = 'open-inference';

const PROBE = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 9))';
const INSTALL_LIMIT_MS = 15 * 60_000;
const SCRIPT_LIMIT_MS = 120_000;
const MODULE_LIMIT_MS = 10 * 60_000;
const MOST_OUTPUT = 64 * 1024 ** 2;

/** What stands in the title of tests that a machine cannot run. */
export const NO_PYTHON = 'there is no Python 3.9 or later with venv';

/** A Python that has what the requirements.txt of a folder of tests names. */
export class Python {
  private constructor(
    private readonly folder: string,
    private readonly program: string,
  ) {}

  /**
   * The environment of the tests, made by the first of them that asks. Undefined where the machine has no Python for it:
   * such tests are then skipped, but never where CI is set.
   *
   * @param name of the folder
   * @throws Error where it could not be made
   */
  static async find(name = OPEN_INFERENCE): Promise<Python | undefined> {
    const version = await run('python3', ['-c', PROBE]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    );
    if (version === undefined) {
      if (process.env.CI !== undefined) throw new Error(`${NO_PYTHON}: install python3 and python3-venv`);
      return undefined;
    }
    const folder = join(TESTS, name);
    const requirements = join(folder, 'requirements.txt');
    const hash = createHash('sha256')
      .update(await readFile(requirements))
      .update(version);
    // Ignored by git, and kept: making an environment takes a minute.
    const cache = join(folder, '.venv');
    const environment = join(cache, hash.digest('hex').slice(0, 12));
    await inTurn(cache, () => make(environment, requirements));
    return new Python(folder, join(environment, 'bin', 'python'));
  }

  /**
   * Runs a script of the folder, with its arguments.
   *
   * @returns the JSON that it prints
   * @throws Error with what it said, when it fails
   */
  async json(script: string, ...args: string[]): Promise<unknown> {
    const { stdout } = await run(this.program, ['-X', 'utf8', join(this.folder, script), ...args], {
      timeout: SCRIPT_LIMIT_MS,
      maxBuffer: MOST_OUTPUT,
      env: { PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1', ORT_DISABLE_TELEMETRY: '1' },
    });
    return JSON.parse(stdout) as unknown;
  }

  /**
   * Runs a module that the requirements brought along, as a program.
   *
   * @returns what it said, and its exit code
   */
  module(name: string, words: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
    const env = { PATH: process.env.PATH, HOME: cwd, PYTHONDONTWRITEBYTECODE: '1' };
    const options = { cwd, env, timeout: MODULE_LIMIT_MS, maxBuffer: MOST_OUTPUT };
    return new Promise((resolve) => {
      execFile(this.program, ['-X', 'utf8', '-m', name, ...words], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, output: stdout + stderr });
      });
    });
  }
}

/** Makes an environment, unless it is there. It takes its name when it is complete. */
async function make(environment: string, requirements: string): Promise<void> {
  if (existsSync(environment)) return;
  const unfinished = `${environment}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', unfinished], { timeout: INSTALL_LIMIT_MS });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  await run(join(unfinished, 'bin', 'python'), pip, { timeout: INSTALL_LIMIT_MS });
  await rename(unfinished, environment);
}

/** One after the other, over all of Jest's processes. */
async function inTurn(cache: string, work: () => Promise<void>): Promise<void> {
  const lock = join(cache, 'lock');
  await mkdir(cache, { recursive: true });
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
