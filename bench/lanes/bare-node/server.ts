/**
 * The ruler: what a careful person writes on node:http for one model, with nothing that is not needed. No framework,
 * no log, no metrics; bodies are checked by hand.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Contract } from './contract.ts';
import { CREDIT_RISK } from './credit-risk.ts';
import { MLP } from './mlp.ts';
import { createSession } from './session.ts';
import { TurnRunner } from './turn-runner.ts';

const { PORT, CONTRACT, MODEL_FILE = '', RUNS } = process.env;
const BODY_LIMIT = 10 * 1024 ** 2;
const MAX_BATCH_SIZE = 100;

const contract: Contract = CONTRACT === 'mlp' ? MLP : CREDIT_RISK;
const runner = new TurnRunner(await createSession(MODEL_FILE), contract, RUNS !== 'alone');

const server = createServer((request, response) => {
  const predict = request.method === 'POST' ? route(request.url) : undefined;
  if (!predict) {
    send(response, 404, problem('not found'));
    return;
  }
  readJson(request, response, predict);
});
server.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => process.exit());

function route(url: string | undefined): ((body: unknown, response: ServerResponse) => void) | undefined {
  if (url === '/predict') return predictRow;
  if (url === '/predict/batch') return predictBatch;
  return undefined;
}

function predictRow(row: unknown, response: ServerResponse): void {
  const wrong = runner.add([row], (scores, offset) => {
    const text = scores && contract.answer(scores, offset, new Date().toISOString());
    if (text === undefined) send(response, 500, problem('inference failed'));
    else send(response, 200, text);
  });
  if (wrong !== undefined) send(response, 400, problem(wrong));
}

function predictBatch(body: unknown, response: ServerResponse): void {
  const started = performance.now();
  const rows = typeof body === 'object' && body !== null ? (body as { requests?: unknown }).requests : undefined;
  if (!Array.isArray(rows) || rows.length === 0 || rows.length > MAX_BATCH_SIZE) {
    send(response, 400, problem(`requests must be a list of 1 to ${MAX_BATCH_SIZE} rows`));
    return;
  }
  const wrong = runner.add(rows, (scores, offset) => {
    const timestamp = new Date().toISOString();
    const answers = rows.map((_, row) => scores && contract.answer(scores, offset + row * contract.scores, timestamp));
    if (answers.includes(undefined)) {
      send(response, 500, problem('inference failed'));
      return;
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(6);
    send(
      response,
      200,
      `{"predictions":[${answers.join(',')}],"batch_size":${rows.length},"processing_time":${seconds}}`,
    );
  });
  if (wrong !== undefined) send(response, 400, problem(wrong));
}

function readJson(
  request: IncomingMessage,
  response: ServerResponse,
  then: (body: unknown, response: ServerResponse) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= BODY_LIMIT) chunks.push(chunk);
  });
  request.on('end', () => {
    if (size > BODY_LIMIT) {
      send(response, 413, problem('the body is too large'));
      return;
    }
    // A small body comes in one piece, and then nothing is copied.
    const [first] = chunks;
    const bytes = chunks.length === 1 && first ? first : Buffer.concat(chunks);
    let body: unknown;
    try {
      body = JSON.parse(bytes.toString());
    } catch {
      send(response, 400, problem('the body is not valid JSON'));
      return;
    }
    then(body, response);
  });
}

/** Every body is ASCII: its length is its size, and latin1 is the cheapest way to write it. */
function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body, 'latin1');
}

function problem(message: string): string {
  return `{"error":"${message}"}`;
}
