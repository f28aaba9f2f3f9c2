import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './processes.mjs';

/**
 * A stand-in for an image of the form `node:24-bookworm-slim` in the folder `root`: that Debian from Debian's own
 * packages, that Node and npm 11 from npm.
 *
 * @returns what it is made of, in words
 */
export async function makeBaseImage(image, root, { temp, log }) {
  const [, major, suite] = /^node:(\d+)-(\w+)-slim$/.exec(image) ?? [];
  if (!major) throw new Error(`there is no stand-in for the image ${image}`);
  await debootstrap(suite, root, { temp, log });
  const node = await unpack(`node-linux-${process.arch}@${major}`, { temp, log });
  await run('install', ['-D', join(node, 'bin/node'), join(root, 'usr/local/bin/node')], { log });
  const npm = await unpack('npm@11', { temp, log });
  const modules = join(root, 'usr/local/lib/node_modules');
  mkdirSync(modules, { recursive: true });
  await run('cp', ['-a', npm, join(modules, 'npm')], { log });
  for (const name of ['npm', 'npx'])
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, 'usr/local/bin', name));
  const inside = (...words) => run('chroot', [root, 'env', 'PATH=/usr/local/bin:/usr/bin:/bin', ...words], { log });
  return `Debian ${suite}, Node ${(await inside('node', '--version')).trim()}, npm ${(await inside('npm', '--version')).trim()}`;
}

/** debootstrap is a script: its package is unpacked, not installed. */
async function debootstrap(suite, root, { temp, log }) {
  const lists = join(temp, 'lists');
  mkdirSync(lists);
  // Lists of its own: the machine's may be missing or old.
  const apt = ['-o', `Dir::State::Lists=${lists}`, '-o', 'APT::Sandbox::User=root'];
  await run('apt-get', [...apt, 'update'], { log });
  await run('apt-get', [...apt, 'download', 'debootstrap'], { log, cwd: temp });
  const deb = readdirSync(temp).find((name) => name.startsWith('debootstrap_'));
  const tool = join(temp, 'debootstrap');
  await run('dpkg-deb', ['-x', join(temp, deb), tool], { log });
  const targets = await run('apt-get', [...apt, 'indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'], {
    log,
  });
  // This machine's mirror, where it has one; else debootstrap's own choice.
  const mirror = targets.split('\n').find((line) => /\/debian\/?$/.test(line));
  const script = join(tool, 'usr/sbin/debootstrap');
  // In namespaces of its own, so that nothing stays mounted, however it ends.
  const args = ['--mount', '--pid', '--fork', '--kill-child', script, '--variant=minbase', suite, root];
  await run('unshare', mirror ? [...args, mirror] : args, {
    log,
    env: { ...process.env, DEBOOTSTRAP_DIR: join(tool, 'usr/share/debootstrap') },
  });
}

/** A package from npm, unpacked; its folder. */
async function unpack(name, { temp, log }) {
  const folder = join(temp, name.replace(/\W/g, '-'));
  mkdirSync(folder);
  const env = { ...process.env, npm_config_cache: join(temp, 'npm-cache'), npm_config_loglevel: 'error' };
  await run('npm', ['pack', name, '--pack-destination', folder], { log, env, cwd: folder });
  const [tarball] = readdirSync(folder);
  await run('tar', ['-xzf', join(folder, tarball), '-C', folder, '--no-same-owner'], { log });
  return join(folder, 'package');
}
