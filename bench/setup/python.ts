import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../harness/processes.ts';
import { BENCH, ROOT, VENV } from '../harness/places.ts';
import { progress } from '../harness/progress.ts';

export const PYTHON = join(VENV, 'bin', 'python');

const REQUIREMENTS = join(BENCH, 'requirements.txt');
/** What the environment was made from; it is made again when that has changed. */
const STAMP = join(VENV, 'made-from');
const INSTALL_LIMIT_MS = 15 * 60_000;

/** Makes the Python environment, unless it is there. */
export async function makeVenv(): Promise<void> {
  const wanted = requirements();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  progress('Making the Python environment in bench/.venv (once, a minute or two)');
  await rm(VENV, { recursive: true, force: true });
  await run({ file: 'python3', args: ['-m', 'venv', VENV] }, INSTALL_LIMIT_MS);
  await run(
    {
      file: PYTHON,
      args: ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS],
      env: pipSettings(),
    },
    INSTALL_LIMIT_MS,
  );
  writeFileSync(STAMP, wanted);
}

function requirements(): string {
  const files = [REQUIREMENTS, join(ROOT, 'training', 'requirements.txt')];
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex');
}

/** Where packages come from and through what proxy is the machine's affair. */
function pipSettings(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && /^(PIP_|HOME$|SSL_|(https?|no)_proxy$)/i.test(name) ? [[name, value]] : [],
    ),
  );
}
