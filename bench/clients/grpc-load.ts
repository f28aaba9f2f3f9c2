/**
 * Asks a gRPC server the same again and again, over connections that always wait for one answer.
 *
 *     node grpc-load.ts JSON        (see GrpcPlan; prints GrpcSeen)
 *
 * It speaks HTTP/2 itself, with a message that is encoded already: a gRPC library would cost more than the servers that
 * it is to measure.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';

export interface GrpcPlan {
  /** `http://`, host and port. */
  url: string;
  /** `/package.Service/Method` */
  path: string;
  /** A file that holds the encoded message. */
  message: string;
  seconds: number;
  connections: number;
}

export interface GrpcSeen {
  /** Calls that ended OK. */
  answered: number;
  seconds: number;
  delaysMs: number[];
  /** Calls that failed, by how. */
  errors: Record<string, number>;
}

/** As large as an answer may be: a window that is smaller would be measured, too. */
const WINDOW_BYTES = 16 * 1024 ** 2;

const plan = JSON.parse(process.argv[2] ?? '') as GrpcPlan;
const body = framed(readFileSync(plan.message));
const seen: GrpcSeen = { answered: 0, seconds: 0, delaysMs: [], errors: {} };
const headers = {
  ':method': 'POST',
  ':path': plan.path,
  'content-type': 'application/grpc',
  te: 'trailers',
  'user-agent': 'bench',
};

const sessions = await Promise.all(Array.from({ length: plan.connections }, connected));
const from = performance.now();
const to = from + plan.seconds * 1000;
await Promise.all(sessions.map(keepAsking));
seen.seconds = (performance.now() - from) / 1000;
process.stdout.write(JSON.stringify(seen));
for (const session of sessions) session.destroy();

/** A message as gRPC sends it: not compressed, its length before it. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

async function connected(): Promise<ClientHttp2Session> {
  const session = connect(plan.url, { settings: { initialWindowSize: WINDOW_BYTES } });
  await once(session, 'connect');
  session.setLocalWindowSize(WINDOW_BYTES);
  return session;
}

async function keepAsking(session: ClientHttp2Session): Promise<void> {
  while (performance.now() < to) {
    const asked = performance.now();
    const status = await ask(session);
    seen.delaysMs.push(performance.now() - asked);
    if (status === '0') seen.answered++;
    else seen.errors[status] = (seen.errors[status] ?? 0) + 1;
  }
}

/** One call. @returns its status, or what became of it */
function ask(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request(headers);
    let status = 'no answer';
    const note = (fields: IncomingHttpHeaders) => {
      if (fields['grpc-status'] !== undefined) status = String(fields['grpc-status']);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', () => (status = 'broken off'));
    stream.on('close', () => {
      resolve(status);
    });
    stream.resume();
    stream.end(body);
  });
}
