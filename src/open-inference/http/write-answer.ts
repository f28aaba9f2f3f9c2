import { type IncomingMessage, type ServerResponse } from 'node:http';
import { giveBack } from '../../common/give-back.js';
import { RequestContext } from '../../common/request-context.js';
import { compress, encodingFor, isCompressible } from '../../http/compression.js';
import { DATA_HEADERS } from '../../http/security-headers.js';
import { writeJson } from '../../http/write-json.js';
import { type InferAnswer } from './infer-answer.js';

/** Larger answers are written part by part, as they lie in memory; copying less is cheaper than another write. */
const COPIED_BYTES = 64 * 1024;

/** Writes an answer: its JSON alone, or with binary data after it; compressed where the client takes that and it pays. */
export async function writeAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { json, binary }: InferAnswer,
): Promise<void> {
  const context = RequestContext.of(request);
  const headers = context.headers(binary.length === 0 ? 'application/json' : 'application/octet-stream');
  headers.push('Server-Timing', `queue;dur=${context.queueMs.toFixed(3)}, run;dur=${context.runMs.toFixed(3)}`);
  const length = binary.reduce((sum, { byteLength }) => sum + byteLength, Buffer.byteLength(json));
  const encoding = encodingFor(request.headers['accept-encoding'], length);
  if (binary.length === 0 && encoding === undefined) {
    writeJson(response, headers, json, length);
    return;
  }
  headers.push(...DATA_HEADERS);
  const head = Buffer.from(json);
  if (binary.length > 0) headers.push('Inference-Header-Content-Length', String(head.length));
  const whole = encoding !== undefined || length <= COPIED_BYTES ? Buffer.concat([head, ...binary], length) : undefined;
  if (whole && encoding && isCompressible(whole)) {
    const compressed = await compress(whole, encoding);
    headers.push('Content-Encoding', encoding, 'Vary', 'Accept-Encoding', 'Content-Length', String(compressed.length));
    response.writeHead(200, headers).end(compressed);
    return;
  }
  headers.push('Content-Length', String(length));
  response.writeHead(200, headers);
  if (whole) {
    response.end(whole);
    return;
  }
  for (const part of [head, ...binary]) response.write(part);
  response.end(() => {
    for (const part of binary) giveBack(part);
  });
}
