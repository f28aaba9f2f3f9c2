import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { start, succeeded } from './processes.mjs';

/** What the kernel does for a container: no network but a loopback of its own, and nothing to write to but /tmp. */
const ISOLATE = `
perl -e 'socket(my $s, 2, 2, 0) or die; my $lo = pack("a16 s x22", "lo", 1); ioctl($s, 0x8914, $lo) or die "no loopback: $!"'
mount --bind "$ROOT" "$ROOT"
mount -o remount,bind,ro "$ROOT"
mount -t tmpfs tmpfs "$ROOT/tmp"
mount -t proc proc "$ROOT/proc"
exec chroot "$ROOT" "$@"`;

/**
 * A stage's CMD as Docker would start it with the options of docker-compose.yml: process 1, the stage's user, no
 * capabilities, no new privileges, read-only.
 */
export class Container {
  constructor(stage, { log }) {
    Object.assign(this, { stage, log });
  }

  async start() {
    const namespaces = ['--mount', '--pid', '--net', '--fork', '--kill-child'];
    this.started = start('unshare', [...namespaces, 'sh', '-euc', ISOLATE, 'sh', ...this.inside(this.stage.cmd)], {
      log: this.log,
      env: { PATH: process.env.PATH, ROOT: this.stage.root },
    });
    const { pid } = this.started.child;
    for (let patience = 100; patience > 0 && this.started.child.exitCode === null; patience -= 1) {
      await sleep(100);
      this.pid = Number(read(`/proc/${pid}/task/${pid}/children`));
      // Until then it is the shell, or another of the programs that become one another on the way.
      if (this.pid && read(`/proc/${this.pid}/cmdline`).split('\0')[0] === this.stage.cmd[0]) return;
    }
    throw new Error(`it does not start\n${this.lastLines}`);
  }

  /** Settles when it has ended. */
  get ended() {
    return this.started.ended;
  }

  get lastLines() {
    return this.started.output.trim().split('\n').slice(-10).join('\n');
  }

  expectRunning() {
    const { exitCode, signalCode } = this.started.child;
    if (exitCode !== null || signalCode !== null) throw new Error(`${exitCode ?? signalCode}\n${this.lastLines}`);
  }

  /** What the kernel says about process 1: `Uid`, `CapEff`, … */
  get status() {
    const lines = read(`/proc/${this.pid}/status`).trim().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)));
  }

  /** Runs a command of the image beside it, and gives its output. */
  exec(words, environment = {}) {
    return succeeded(this.enter('--mount', 'chroot', this.stage.root, ...this.inside(words, environment)));
  }

  /** Starts a command of this machine in its network. */
  enter(...words) {
    return start('nsenter', [`--target=${this.pid}`, '--net', ...words], { log: this.log });
  }

  /** Its exit code after SIGTERM. */
  async stop(patience) {
    process.kill(this.pid, 'SIGTERM');
    const ended = await Promise.race([this.ended, sleep(patience, 'late', { ref: false })]);
    if (ended !== 'late') return ended;
    this.started.child.kill('SIGKILL');
    throw new Error(`still there after ${patience} ms`);
  }

  inside(words, environment = {}) {
    const { env, workdir, user } = this.stage;
    const [uid, gid] = user.split(':');
    return [
      ...['env', '-i', `--chdir=${workdir}`],
      ...Object.entries({ ...env, ...environment }).map(([name, value]) => `${name}=${value}`),
      ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
      ...['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', ...words],
    ];
  }
}

/** A file of /proc; empty once its process is gone. */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
