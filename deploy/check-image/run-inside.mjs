import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './processes.mjs';

/** What a step needs to reach package registries where this machine goes through a proxy. */
const PROXY = /^(https?_proxy|no_proxy|npm_config_registry)$/i;

/**
 * Runs the words of a RUN in a stage's folder as its root, with /proc and this machine's network, and in namespaces of
 * its own, so that no mount and no process outlives it.
 */
export async function runInside({ root, workdir, user }, words, { flags, variables, temp, log }) {
  const mounts = ['mount -t proc proc "$ROOT/proc"', 'mount -t tmpfs tmpfs "$ROOT/run"'];
  for (const file of ['/etc/resolv.conf', '/etc/hosts'].filter((name) => existsSync(name)))
    mounts.push(`touch "$ROOT${file}"`, `mount --bind ${file} "$ROOT${file}"`);
  for (const flag of flags) mounts.push(...cache(flag, temp));
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => PROXY.test(name)));
  const { PATH, NODE_EXTRA_CA_CERTS } = process.env;
  if (NODE_EXTRA_CA_CERTS) {
    environment.NODE_EXTRA_CA_CERTS = '/run/certificates.pem';
    mounts.push(`cp "${NODE_EXTRA_CA_CERTS}" "$ROOT/run/certificates.pem"`);
  }
  Object.assign(environment, { HOME: '/root' }, variables);
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const script = `${mounts.join('\n')}\nexec chroot --userspec="${user}" "$ROOT" "$@"`;
  await run(
    'unshare',
    [
      ...['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', script, 'sh'],
      ...['env', '-i', `--chdir=${workdir}`, ...assignments, ...words],
    ],
    { log, env: { PATH, ROOT: root } },
  );
}

/** `--mount=type=cache,target=…`: a folder that outlives the step, and is in no image. */
function cache({ name, value }, temp) {
  const target = /^type=cache,target=([^,]+)$/.exec(value)?.[1];
  if (name !== 'mount' || !target) throw new Error(`--${name}=${value} is not known to this check`);
  const kept = join(temp, 'caches', target);
  mkdirSync(kept, { recursive: true });
  return [`mkdir -p "$ROOT${target}"`, `mount --bind "${kept}" "$ROOT${target}"`];
}
