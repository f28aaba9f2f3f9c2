import { type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lane } from '../lanes/lane.ts';
import { askGrpc } from './grpc.ts';
import { LOGS, WORK } from './places.ts';
import { cpuSeconds, residentMegabytes } from './proc.ts';
import { type Command, start, stop } from './processes.ts';
import { JSON_HEADERS, type ServedRequest } from './scenario.ts';

const START_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 20_000;
/** How often a server that starts is asked: finer than the differences between cold starts. */
const POLL_MS = 5;
const QUIET_PERIOD_MS = 60;
const QUIET_LIMIT_MS = 15_000;
/** Emptied, and written at its end wherever that is: see `emptyLog`. */
const NEW_LOG = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND;
/** Two ticks of the clock that counts CPU time: less is what a server does without requests. */
const QUIET_CPU_S = 0.02;

/** One lane's server for one scenario, up and answering. */
export class Server {
  readonly lane: Lane;
  /** From its start to its first prediction. */
  readonly coldStartSeconds: number;
  readonly url: string;
  readonly startedAt: number;
  private readonly grpcUrl: string;
  private readonly child: ChildProcess;
  private readonly logFile: string;

  private constructor(
    lane: Lane,
    [url, grpcUrl]: readonly [string, string],
    child: ChildProcess,
    logFile: string,
    startedAt: number,
  ) {
    this.lane = lane;
    this.url = url;
    this.grpcUrl = grpcUrl;
    this.child = child;
    this.logFile = logFile;
    this.startedAt = startedAt;
    this.coldStartSeconds = (performance.now() - startedAt) / 1000;
  }

  /**
   * Starts a lane's server and waits until it predicts. What it prints goes to a file in bench/.work/logs.
   *
   * @param adapt changes how it is started
   */
  static async start(
    lane: Lane,
    request: ServedRequest,
    core: number,
    adapt = (command: Command): Command => command,
  ): Promise<Server> {
    const [port, grpcPort] = [await freePort(), await freePort()];
    const urls = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${grpcPort}`] as const;
    const logFile = join(LOGS, `${lane.name}.log`);
    mkdirSync(LOGS, { recursive: true });
    const log = openSync(logFile, NEW_LOG);
    const startedAt = performance.now();
    // It runs in the work folder: a .env in the checkout is not for it.
    const command = { ...lane.command(request.model, port, grpcPort), core, cwd: WORK };
    const child = await start(adapt(command), ['ignore', log, log]);
    closeSync(log);
    while (!(await answers(urls[request.isGrpc ? 1 : 0], request))) {
      if (hasEnded(child) || performance.now() - startedAt > START_LIMIT_MS) {
        await stop(child);
        throw new Error(
          `${lane.name} does not answer. The end of its log:\n${readFileSync(logFile, 'utf8').slice(-2000)}`,
        );
      }
      await sleep(POLL_MS);
    }
    return new Server(lane, urls, child, logFile, startedAt);
  }

  /** Where a request goes. */
  urlOf({ isGrpc }: ServedRequest): string {
    return isGrpc ? this.grpcUrl : this.url;
  }

  get cpuSeconds(): number {
    return cpuSeconds(this.pid);
  }

  get residentMegabytes(): number {
    return residentMegabytes(this.pid);
  }

  get hasEnded(): boolean {
    return hasEnded(this.child);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** How often it has printed a text so far. */
  printed(text: string): number {
    return readFileSync(this.logFile, 'utf8').split(text).length - 1;
  }

  /** Throws away what it has printed: the log lines of a long run would fill the disk. */
  emptyLog(): void {
    truncateSync(this.logFile);
  }

  /** Waits until it has done what clients left behind, so that it takes nothing from the next lane. */
  async quiet(): Promise<void> {
    const deadline = performance.now() + QUIET_LIMIT_MS;
    for (let before = this.cpuSeconds; performance.now() < deadline;) {
      await sleep(QUIET_PERIOD_MS);
      const now = this.cpuSeconds;
      if (now - before < QUIET_CPU_S) return;
      before = now;
    }
  }

  stop(): Promise<void> {
    return stop(this.child);
  }

  private get pid(): number {
    return this.child.pid as number;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** The request, once. */
export async function ask(
  url: string,
  { path, body, headers = JSON_HEADERS }: ServedRequest,
): Promise<{ status: number; text: string }> {
  const response = await fetch(url + path, {
    method: 'POST',
    body,
    headers,
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  return { status: response.status, text: await response.text() };
}

async function answers(url: string, request: ServedRequest): Promise<boolean> {
  try {
    if (request.isGrpc) return (await askGrpc(url, request, ANSWER_LIMIT_MS)) === '0';
    return (await ask(url, request)).status === 200;
  } catch {
    return false; // Nothing listens yet.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
