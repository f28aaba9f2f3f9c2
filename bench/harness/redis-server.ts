import { type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOAD_CORE } from './cores.ts';
import { WORK } from './places.ts';
import { start, stop } from './processes.ts';

/** A Redis beside the load, that can be stopped and started again. */
export class RedisServer {
  private child: ChildProcess | undefined;
  private readonly port: number;

  private constructor(port: number) {
    this.port = port;
  }

  /** @throws Error when there is no redis-server */
  static async start(): Promise<RedisServer> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    probe.close();
    const server = new RedisServer(port);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    mkdirSync(WORK, { recursive: true });
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', WORK];
    const child = await start({ file: 'redis-server', args, core: LOAD_CORE }, 'ignore');
    this.child = child;
    while (!(await this.command('PING').catch(() => ''))) {
      if (child.exitCode !== null) throw new Error('redis-server ends at once: is it installed?');
      await sleep(20);
    }
  }

  /** What it answers to a command. */
  async command(...words: string[]): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.end(`${words.join(' ')}\r\nQUIT\r\n`);
    return text(socket);
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  async stop(): Promise<void> {
    this.signal('SIGCONT');
    if (this.child) await stop(this.child);
  }
}
