import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { GrpcPlan, GrpcSeen } from '../clients/grpc-load.ts';
import { BENCH, WORK } from './places.ts';
import { type Command, run } from './processes.ts';
import { progress } from './progress.ts';
import { JSON_HEADERS, type RepeatedRequest } from './scenario.ts';
import { quantile } from './statistics.ts';

/** What clients saw of a server. */
export interface Seen {
  /** Requests that were answered with 200. */
  answered: number;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  /** Requests that failed, by how. */
  errors: Record<string, number>;
}

/** Asks a server a request for whole seconds, over keep-alive connections that always wait for one answer. */
export type LoadGenerator = (url: string, request: RepeatedRequest, seconds: number, core: number) => Promise<Seen>;

export const CONNECTIONS = 32;
/** A request that takes longer counts as failed. */
const TIMEOUT_S = 20;
const MARGIN_MS = (TIMEOUT_S + 10) * 1000;
const GRPC_CLIENT = join(BENCH, 'clients', 'grpc-load.ts');

/** wrk where it is installed: it is the lighter one. */
export async function findLoadGenerator(): Promise<LoadGenerator> {
  const overHttp = await findHttpGenerator();
  return (url, request, ...rest) => (request.isGrpc ? grpcClient : overHttp)(url, request, ...rest);
}

/**
 * wrk, for requests that only it can ask.
 *
 * @throws Error where it is not installed
 */
export async function needWrk(): Promise<LoadGenerator> {
  if ((await findHttpGenerator()) === wrk) return wrk;
  throw new Error('This scenario needs wrk: apt-get install wrk, or brew install wrk');
}

async function findHttpGenerator(): Promise<LoadGenerator> {
  try {
    await run({ file: 'sh', args: ['-c', 'command -v wrk'] }, MARGIN_MS);
    return wrk;
  } catch {
    progress('wrk is not on the PATH: taking autocannon, which is heavier and holds fast servers back.');
    progress('For better figures: apt-get install wrk, or brew install wrk');
    return autocannon;
  }
}

const wrk: LoadGenerator = async (url, request, seconds, core) => {
  const script = writeWrkScript(request);
  const { path, connections = CONNECTIONS } = request;
  const command = {
    file: 'wrk',
    args: ['-t1', `-c${connections}`, `-d${seconds}s`, `--timeout`, `${TIMEOUT_S}s`, '-s', script, url + path],
    core,
  };
  const output = await run(command, seconds * 1000 + MARGIN_MS);
  const line = /^SEEN (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk printed no summary:\n${output}`);
  const [requests = 0, us = 0, p50 = 0, p99 = 0, connect = 0, read = 0, write = 0, timeout = 0, status = 0] = line
    .split(' ')
    .map(Number);
  return {
    answered: requests - status,
    seconds: us / 1e6,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    errors: withoutZeros({ connect, read, write, timeout, status }),
  };
};

/** wrk takes a body, and gives exact figures, through a script only. It counts statuses from 400 on as errors. */
function writeWrkScript({ name, body, headers = JSON_HEADERS, lua = '' }: RepeatedRequest): string {
  const file = join(WORK, `${name}.lua`);
  const bodyFile = writeBody(name, body);
  const lines = Object.entries(headers).map(([header, value]) => `wrk.headers["${header}"] = "${value}"\n`);
  writeFileSync(
    file,
    `wrk.method = "POST"
${lines.join('')}local file = io.open([==[${bodyFile}]==], "rb")
wrk.body = file:read("*all")
file:close()
${lua}

function done(summary, latency)
  local e = summary.errors
  print(string.format("SEEN %d %d %.3f %.3f %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect, e.read, e.write, e.timeout, e.status))
end
`,
  );
  return file;
}

function writeBody(name: string, body: RepeatedRequest['body']): string {
  const file = join(WORK, `${name}.body`);
  mkdirSync(WORK, { recursive: true });
  writeFileSync(file, body);
  return file;
}

const autocannon: LoadGenerator = async (url, request, seconds, core) => {
  const { name, path, headers = JSON_HEADERS, connections = CONNECTIONS } = request;
  const body = writeBody(name, request.body);
  const command: Command = {
    file: process.execPath,
    args: [createRequire(import.meta.url).resolve('autocannon/autocannon.js'), '--json', '--no-progress']
      .concat(['-c', String(connections), '-d', String(seconds), '-t', String(TIMEOUT_S)])
      .concat(Object.entries(headers).flatMap(([header, value]) => ['-H', `${header}=${value}`]))
      .concat(['-m', 'POST', '-i', body, url + path]),
    core,
  };
  const output = await run(command, seconds * 1000 + MARGIN_MS);
  const seen = JSON.parse(output) as AutocannonResult;
  return {
    answered: seen['2xx'],
    seconds: seen.duration,
    p50Ms: seen.latency.p50,
    p99Ms: seen.latency.p99,
    errors: withoutZeros({ connection: seen.errors - seen.timeouts, timeout: seen.timeouts, status: seen.non2xx }),
  };
};

/** Our own: generators that can be installed do not look at the status of a call. */
const grpcClient: LoadGenerator = async (url, { name, path, body, connections = CONNECTIONS }, seconds, core) => {
  const plan: GrpcPlan = { url, path, message: writeBody(name, body), seconds, connections };
  const command = { file: process.execPath, args: [GRPC_CLIENT, JSON.stringify(plan)], core };
  const seen = JSON.parse(await run(command, seconds * 1000 + MARGIN_MS)) as GrpcSeen;
  const { answered, delaysMs, errors } = seen;
  return { answered, seconds: seen.seconds, p50Ms: quantile(delaysMs, 0.5), p99Ms: quantile(delaysMs, 0.99), errors };
};

interface AutocannonResult {
  '2xx': number;
  non2xx: number;
  errors: number;
  timeouts: number;
  duration: number;
  latency: { p50: number; p99: number };
}

function withoutZeros(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
