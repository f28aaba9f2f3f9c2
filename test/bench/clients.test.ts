import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server as HttpServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type GrpcSeen } from '../../bench/clients/grpc-load.js';

const CLIENTS = join(process.cwd(), 'bench', 'clients');
const PROCESSES = join(process.cwd(), 'bench', 'harness', 'processes.ts');

let server: HttpServer | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

/** What a client program printed, line by line. */
async function run(program: string, ...args: string[]): Promise<unknown[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(CLIENTS, program), ...args]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

describe('clients without a pause', () => {
  /** What two of them saw in half a second. */
  async function seen(respond: (count: number, age: number) => { status: number; prediction: number }) {
    let count = 0;
    const url = await serve((request, response) => {
      void text(request).then((body) => {
        const { age, income } = JSON.parse(body) as { age: number; income: number };
        const { status, prediction } = respond(count++, age * 1000 + income);
        response.writeHead(status).end(JSON.stringify({ prediction }));
      });
    });
    const client = spawn(process.execPath, [join(CLIENTS, 'restless.ts'), url, '2']);
    while (count < 500) await new Promise((resolve) => setTimeout(resolve, 20));
    client.stdin.end();
    const report = JSON.parse(await text(client.stdout)) as { answers: unknown[]; wrong: number; lost: string[] };
    return { ...report, answered: report.answers.length };
  }

  it('find nothing to complain of in a server that answers', async () => {
    const { answered, wrong, lost } = await seen((_, prediction) => ({ status: 200, prediction }));
    expect([answered > 300, wrong, lost]).toEqual([true, 0, []]);
  });

  it('notice the answer to another row, and a request that is not answered', async () => {
    const { wrong, lost } = await seen((count, prediction) => ({
      status: count === 300 ? 503 : 200,
      prediction: count === 400 ? prediction + 1 : prediction,
    }));
    expect([wrong, lost]).toEqual([1, ['status 503']]);
  });
});

describe('the crowd of a soak', () => {
  interface Report {
    seconds: number;
    tally: { counts: Record<string, Record<string, number>>; wrong: number; unanswered: number; unexpected: number };
    liveDelaysMs?: number[];
  }

  type Row = Record<string, unknown>;

  /** What the numbers of a row add up to, whatever its model: a prediction that belongs to one row only. */
  function predict(row: Row): number {
    const numbers = [row.x ?? Object.values(row)].flat().filter((value) => typeof value === 'number');
    return numbers.reduce((sum, value, index) => sum + value * (index + 1), 0);
  }

  async function answer(request: IncomingMessage): Promise<string> {
    const body = JSON.parse((await text(request)) || '{}') as Row;
    if (!request.url?.endsWith('/batch')) return JSON.stringify({ prediction: predict(body) });
    return JSON.stringify({ predictions: (body.requests as Row[]).map((row) => ({ prediction: predict(row) })) });
  }

  /** The last report of a crowd that asked for a second. */
  async function soak(spoil: (request: IncomingMessage, respond: (status: number, body: string) => void) => boolean) {
    let began = false;
    const url = await serve((request, response) => {
      began ||= request.url?.endsWith('/batch') ?? false; // no row is learnt in a batch
      const respond = (status: number, body: string) => response.writeHead(status, { 'Retry-After': '1' }).end(body);
      if (began && spoil(request, respond)) return;
      answer(request).then(
        (body) => respond(200, body),
        () => response.destroy(),
      );
    });
    return (await run('soak.ts', url, '1', '20000')).at(-1) as Report;
  }

  it('finds nothing wrong with a server that keeps its promises', async () => {
    let requests = 0;
    const { tally, liveDelaysMs } = await soak((request, respond) => {
      if (request.headers['x-request-timeout-ms'] === '5') respond(504, '{"code":"deadline_exceeded"}');
      else if (request.url?.includes('slow') && requests++ % 5 === 0) respond(503, '{"code":"overloaded"}');
      else return false;
      return true;
    });
    expect(tally).toMatchObject({ wrong: 0, unanswered: 0, unexpected: 0 });
    expect(tally.counts.hurried?.['504']).toBeGreaterThan(0);
    expect(tally.counts['slow single']?.['503']).toBeGreaterThan(0);
    expect(liveDelaysMs).not.toHaveLength(0);
  });

  it('notices the answer of another row, in a single and within a batch', async () => {
    let batches = 0;
    let singles = 0;
    const { tally } = await soak((request, respond) => {
      const isBatch = request.url === '/v1/models/credit-risk/predict/batch';
      const isSingle = request.url === '/v1/models/mixing/predict';
      if (!(isBatch && batches++ === 0) && !(isSingle && singles++ === 0)) return false;
      void answer(request).then((body) => {
        respond(200, body.replace(/(\{"prediction":)[^}]+\}(\]|$)/, '$112345}$2'));
      });
      return true;
    });
    expect(tally).toMatchObject({ wrong: 2, unanswered: 0, unexpected: 0 });
  });

  it('notices a request that nobody answers', async () => {
    let resets = 0;
    const { tally } = await soak((request) => {
      if (request.url !== '/v1/models/mixing/predict' || resets++ > 2) return false;
      request.destroy();
      return true;
    });
    expect(tally).toMatchObject({ wrong: 0, unanswered: 3, unexpected: 0 });
    expect(tally.counts['mixing single']?.unanswered).toBe(3);
  });

  it('notices failures that a client cannot have asked for', async () => {
    let requests = 0;
    const { tally } = await soak((request, respond) => {
      if (request.url !== '/v1/models/mixing/predict' || requests++ > 1) return false;
      // The server's own deadline is far away, and an overload is said by its code.
      respond(requests === 1 ? 504 : 503, requests === 1 ? '{"code":"deadline_exceeded"}' : '{"code":"draining"}');
      return true;
    });
    expect(tally).toMatchObject({ wrong: 0, unanswered: 0, unexpected: 2 });
  });
});

describe('steady clients', () => {
  it('go on asking while a server stalls, and count from the moment at which each was due', async () => {
    const held: (() => void)[] = [];
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      held.push(() => response.end('{}'));
      if (requests >= 20) for (const release of held.splice(0)) release();
    });
    const plan = { url, probes: { live: { method: 'GET', path: '/' } }, everyMs: 10, seconds: 0.5, leadSeconds: 0 };
    const [seen] = await run('steady.ts', JSON.stringify(plan));
    expect(requests).toBe(50);
    const { delaysMs, failed } = (seen as { probes: { live: { delaysMs: number[]; failed: number } } }).probes.live;
    expect(failed).toBe(0);
    expect(delaysMs).toHaveLength(50);
    // The first waited for nineteen others, the tenth for ten.
    expect(Math.max(...delaysMs)).toBeGreaterThan(180);
    expect(delaysMs.filter((delay) => delay > 90).length).toBeGreaterThanOrEqual(10);
  });

  it('count requests that fail', async () => {
    const url = await serve((_, response) => response.writeHead(503).end());
    const plan = { url, probes: { live: { method: 'GET', path: '/' } }, everyMs: 10, seconds: 0.1, leadSeconds: 0 };
    const [seen] = await run('steady.ts', JSON.stringify(plan));
    expect(seen).toMatchObject({ probes: { live: { failed: 10 } } });
  });
});

describe('gRPC clients', () => {
  it('count what is answered, and what fails by its status', async () => {
    const grpc = new Server();
    let calls = 0;
    const asItIs = (bytes: Buffer) => bytes;
    const answer: handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => {
      if (request.toString() !== 'question') callback({ code: status.INVALID_ARGUMENT });
      else if (++calls % 4 === 0) callback({ code: status.UNAVAILABLE });
      else callback(null, request);
    };
    grpc.register('/a/b', answer, asItIs, asItIs, 'unary');
    const port = await promisify(grpc.bindAsync.bind(grpc))('127.0.0.1:0', ServerCredentials.createInsecure());
    const folder = await mkdtemp(join(tmpdir(), 'nestor-grpc-load-'));
    const message = join(folder, 'message');
    await writeFile(message, 'question');
    const plan = { url: `http://127.0.0.1:${String(port)}`, path: '/a/b', message, seconds: 0.5, connections: 3 };
    const [seen] = (await run('grpc-load.ts', JSON.stringify(plan))) as [GrpcSeen];
    grpc.forceShutdown();
    await rm(folder, { recursive: true });
    expect(seen.errors).toEqual({ [status.UNAVAILABLE]: Math.floor(calls / 4) });
    expect(seen.answered).toBe(calls - Math.floor(calls / 4));
    expect(seen.answered).toBeGreaterThan(10);
    expect(seen.delaysMs).toHaveLength(calls);
    expect(seen.seconds).toBeGreaterThanOrEqual(0.5);
  });
});

const onLinux = process.platform === 'linux' ? it : it.skip;

describe('processes of the benchmark', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    onLinux(`leave none behind when they are ended by ${signal}`, async () => {
      const script = `
        import { start } from ${JSON.stringify(PROCESSES)};
        const child = await start({ file: 'sleep', args: ['300'] }, 'ignore');
        process.stdout.write(child.pid + '\\n');`;
      const bench = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(bench.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      expect(isAlive(pid)).toBe(true);
      bench.kill(signal);
      await once(bench, 'close');
      while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
    });
  }

  /** One that has ended and that nobody has asked for yet counts as gone. */
  function isAlive(pid: number): boolean {
    try {
      const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
      return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
    } catch {
      return false;
    }
  }
});
