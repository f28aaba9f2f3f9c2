import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { run } from '../harness/processes.ts';
import { BENCH, ROOT, VENV } from '../harness/places.ts';
import { progress } from '../harness/progress.ts';

const INSTALL_LIMIT_MS = 15 * 60_000;

/** A Python with packages of its own. */
export class Venv {
  readonly python: string;
  private readonly folder: string;
  private readonly requirements: readonly [string, ...string[]];
  /** What the environment was made from; it is made again when that has changed. */
  private readonly stamp: string;

  /** @param requirements the file that is installed, and those that it takes in */
  constructor(folder: string, requirements: readonly [string, ...string[]]) {
    this.folder = folder;
    this.requirements = requirements;
    this.python = this.program('python');
    this.stamp = join(folder, 'made-from');
  }

  /** A program of one of its packages. */
  program(name: string): string {
    return join(this.folder, 'bin', name);
  }

  /** Makes the environment, unless it is there. */
  async make(): Promise<void> {
    const hash = createHash('sha256');
    for (const file of this.requirements) hash.update(readFileSync(file));
    const wanted = hash.digest('hex');
    if (existsSync(this.stamp) && readFileSync(this.stamp, 'utf8') === wanted) return;
    progress(`Making the Python environment in ${relative(ROOT, this.folder)} (once, a minute or two)`);
    await rm(this.folder, { recursive: true, force: true });
    await run({ file: 'python3', args: ['-m', 'venv', this.folder] }, INSTALL_LIMIT_MS);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', this.requirements[0]];
    await run({ file: this.python, args: pip, env: pipSettings() }, INSTALL_LIMIT_MS);
    writeFileSync(this.stamp, wanted);
  }
}

const FASTAPI = new Venv(VENV, [join(BENCH, 'requirements.txt'), join(ROOT, 'training', 'requirements.txt')]);
export const PYTHON = FASTAPI.python;

/** Makes the environment of the FastAPI lanes and of the models, unless it is there. */
export function makeVenv(): Promise<void> {
  return FASTAPI.make();
}

/** Where packages come from and through what proxy is the machine's affair. */
function pipSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && /^(PIP_|HOME$|SSL_|(https?|no)_proxy$)/i.test(name) ? [[name, value]] : [],
    ),
  );
}
