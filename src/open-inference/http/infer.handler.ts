import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../../common/errors.js';
import { parseJson } from '../../common/json.js';
import { RequestContext } from '../../common/request-context.js';
import { Settings } from '../../config/settings.js';
import { BodyReader } from '../../http/body-reader.js';
import { findVersion } from '../../http/find-version.js';
import { isJson } from '../../http/json-body.js';
import { timeLimitOf } from '../../http/time-limit.js';
import { RequestObserver } from '../../logging/request-observer.js';
import { type Resolved, type Target } from '../../registry/model-registry.js';
import { failed, TensorContract } from '../contract.js';
import { type NamedTensor } from '../inference.js';
import { OpenInferenceService } from '../open-inference.service.js';
import { answerOf, type InferAnswer } from './infer-answer.js';
import { type InferBody, readInferBody } from './infer-body.js';
import { readInputs, readRawInput, type SentBytes } from './infer-inputs.js';
import { writeAnswer } from './write-answer.js';

/** Says how long the JSON is that the body begins with; where it is 0, the body is one raw tensor. */
const HEADER_LENGTH = 'inference-header-content-length';

/** What is asked for by a body that is one raw tensor, and says nothing. */
const RAW: InferBody = { id: undefined, inputs: [], outputs: [], isBinary: true, timeoutMs: undefined };

/** An inference over HTTP. As PredictHandler, it reads the body and writes the answer itself. */
@Injectable()
export class InferHandler {
  constructor(
    private readonly service: OpenInferenceService,
    private readonly settings: Settings,
    private readonly reader: BodyReader,
    private readonly observer: RequestObserver,
  ) {}

  async infer(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const context = this.begin(request, response);
    const jsonLength = headerLengthOf(request);
    const bytes = await this.read(request, jsonLength);
    const sent = partsOf(bytes, jsonLength);
    const json = jsonLength === 0 ? undefined : parseJson(sent.json);
    const body = json === undefined ? RAW : readBody(json, context);
    const found = findVersion(this.service, target, request);
    const resolved = found instanceof Promise ? await found : found;
    // The values in tensors have no names that could be redacted.
    if (!context.isRedacted) context.body = json;
    const answer = await this.answer(resolved, body, sent, context);
    this.reader.release(bytes); // what it has run on is not needed any more
    await writeAnswer(request, response, answer);
  }

  private begin(request: IncomingMessage, response: ServerResponse): RequestContext {
    this.observer.observe(request, response);
    const context = RequestContext.of(request);
    context.deadline = context.startedAt + timeLimitOf(request, this.settings.REQUEST_TIMEOUT_MS);
    return context;
  }

  private read(request: IncomingMessage, jsonLength: number | undefined): Promise<Buffer> {
    if (isKnownType(request.headers['content-type'])) return this.reader.read(request, asItIs, jsonLength);
    this.reader.drain(request);
    const message = 'Send the body as application/json, or as application/octet-stream where it holds binary data.';
    return Promise.reject(new DomainError('unsupported_media_type', message));
  }

  private async answer(
    resolved: Resolved,
    body: InferBody,
    sent: SentBytes,
    context: RequestContext,
  ): Promise<InferAnswer> {
    const contract = TensorContract.of(resolved.loaded.graph);
    const outputs = contract.outputs(body.outputs.map(({ name }) => name));
    const inputs: NamedTensor[] =
      body === RAW ? [readRawInput(contract, sent.binary)] : readInputs(contract, body.inputs, sent);
    const inferred = await this.service.run(resolved, inputs, outputs, context);
    try {
      return await answerOf(inferred, body, context);
    } catch (error) {
      this.service.countFailure(resolved, error);
      throw error;
    }
  }
}

/** @throws DomainError `validation_failed` */
function readBody(json: unknown, context: RequestContext): InferBody {
  const body = readInferBody(json);
  if (body.timeoutMs !== undefined) context.deadline = Math.min(context.deadline, context.startedAt + body.timeoutMs);
  return body;
}

/** @throws DomainError `validation_failed` */
function headerLengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers[HEADER_LENGTH];
  if (length === undefined) return undefined;
  if (typeof length === 'string' && /^\d{1,15}$/.test(length)) return Number(length);
  throw failed(['the Inference-Header-Content-Length header must be a whole number from 0 on']);
}

/** @throws DomainError `validation_failed` */
function partsOf(bytes: Buffer, jsonLength = bytes.length): SentBytes {
  if (jsonLength <= bytes.length) return { json: bytes.subarray(0, jsonLength), binary: bytes.subarray(jsonLength) };
  throw failed([
    `the JSON of Inference-Header-Content-Length is longer than the body, which has ${bytes.length} bytes`,
  ]);
}

/** Some clients send no type at all. Which of both it is, Inference-Header-Content-Length tells. */
function isKnownType(type: string | undefined): boolean {
  return type === undefined || /^application\/octet-stream\b/i.test(type) || isJson(type);
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
