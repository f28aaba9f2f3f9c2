import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { node, writeModel } from '../support/onnx-writer.js';
import { identityModel } from '../support/onnx.js';
import { ModelFolder } from '../support/model-folder.js';
import { Service } from '../support/service.js';
import { Fuzz, type FuzzedRequest, TENSORS } from './fuzz-bodies.js';

/** Bodies in all. FUZZ_BODIES asks for more of them. */
const BODIES = Number(process.env.FUZZ_BODIES ?? 100_000);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const CONNECTIONS = 8;
/** Requests that are on their way on one connection. */
const PIPELINED = 32;
const LIMIT_MS = 60_000 + BODIES;

const TYPES = { FP16: 'float16', FP32: 'float32', FP64: 'float64', INT8: 'int8', UINT16: 'uint16', INT64: 'int64', UINT64: 'uint64', BOOL: 'bool', BYTES: 'string' } as const; // prettier-ignore
const ports = Object.entries(TENSORS).map(([name, datatype]) => ({ name, type: TYPES[datatype], shape: ['N', 1] }));
/** Gives everything back; of floats whether they are NaN, since a JSON answer cannot hold what binary data may bring. */
const MODEL = writeModel({
  inputs: Object.fromEntries(ports.map(({ name, ...port }) => [name, port])),
  outputs: Object.fromEntries(
    ports.map(({ name, type, shape }) => [`${name}_out`, { type: type.startsWith('float') ? 'bool' : type, shape }]),
  ),
  nodes: ports.map(({ name, type }) => node(type.startsWith('float') ? 'IsNaN' : 'Identity', [name], `${name}_out`)),
});

interface Answer {
  status: number;
  head: string;
  body: Buffer;
}

/** A connection on which requests follow one another without a pause. */
class Connection {
  private received = Buffer.alloc(0);
  private readonly waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];

  constructor(private readonly socket: Socket) {
    socket.on('data', (data) => {
      this.received = this.received.length === 0 ? data : Buffer.concat([this.received, data]);
      this.read();
    });
    const fail = () => {
      for (const { reject } of this.waiting.splice(0)) reject(new Error('the connection was closed'));
    };
    socket.on('close', fail).on('error', fail);
  }

  ask(path: string, { headers, body }: FuzzedRequest): Promise<Answer> {
    const lines = Object.entries({ Host: 'x', ...headers, 'Content-Length': body.length });
    this.socket.write(`POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
    this.socket.write(body);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  close(): void {
    this.socket.destroy();
  }

  private read(): void {
    for (;;) {
      const end = this.received.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = this.received.toString('latin1', 0, end);
      const next = end + 4 + Number(/\r\nContent-Length: (\d+)/.exec(head)?.[1]);
      if (this.received.length < next) return;
      const body = Buffer.from(this.received.subarray(end + 4, next));
      this.received = this.received.subarray(next);
      this.waiting.shift()?.resolve({ status: Number(head.slice(9, 12)), head, body });
    }
  }
}

describe('generated bodies', () => {
  let folder: ModelFolder;
  let service: Service;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'all/1/model.onnx': MODEL,
      'one/1/model.onnx': identityModel({ name: 'long', type: 'int64', shape: ['N', 3] }),
    });
    service = await Service.start({ MODELS_DIR: folder.path, LOG_REQUESTS: 'off', BODY_LIMIT: '64kb' });
  });
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  it(
    `${BODIES} of them, by seed ${SEED}: no crash, no 500, and always an answer in the protocol's form`,
    async () => {
      const fuzz = new Fuzz(SEED);
      const statuses = new Map<number, number>();
      let left = BODIES;
      const check = ({ status, head, body }: Answer, request: FuzzedRequest) => {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        const sent = () => `${JSON.stringify(request.headers)} ${JSON.stringify(request.body.toString('latin1'))}`;
        if (![200, 400, 413, 415, 501].includes(status)) throw new Error(`${status} ${String(body)} to ${sent()}`);
        const length = /Inference-Header-Content-Length: (\d+)/.exec(head)?.[1] ?? body.length;
        const json = JSON.parse(body.toString('utf8', 0, Number(length))) as { error?: unknown; outputs?: unknown };
        if (status === 200 ? !Array.isArray(json.outputs) : typeof json.error !== 'string')
          throw new Error(`${String(body)} to ${sent()}`);
      };
      const work = async () => {
        const connection = new Connection(connect(Number(new URL(service.url).port), '127.0.0.1'));
        while (left > 0) {
          const group = Array.from({ length: Math.min(PIPELINED, left) }, () => fuzz.next());
          left -= group.length;
          const path = (request: FuzzedRequest) =>
            `/v2/models/${request.headers['Inference-Header-Content-Length'] === '0' ? 'one' : 'all'}/infer`;
          const answers = await Promise.all(group.map((request) => connection.ask(path(request), request)));
          for (const [index, answer] of answers.entries()) check(answer, group[index] as FuzzedRequest);
        }
        connection.close();
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, work));
      // It is nearly right so often that some of it gets through.
      expect(statuses.get(200) ?? 0).toBeGreaterThan(BODIES / 100);
      for (const status of [400, 415, 501]) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
      expect((await service.get('/v2/health/ready')).status).toBe(200);
      if (process.env.FUZZ_BODIES !== undefined) process.stderr.write(`${JSON.stringify([...statuses])}\n`);
    },
    LIMIT_MS,
  );
});
