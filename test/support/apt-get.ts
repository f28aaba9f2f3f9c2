import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether a package of Debian could be installed: with apt-get, where that asks for no password. */
export async function install(name: string): Promise<boolean> {
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const apt = async (...words: string[]) => {
    const [program, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...words];
    await run(program as string, rest);
  };
  try {
    await apt('update').catch(() => undefined); // another file of tests may be at it
    await apt('install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=60', name);
    return true;
  } catch {
    return false;
  }
}
