import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { type CacheUse } from '../../common/caller.js';
import { isoNow } from '../../common/iso-now.js';
import { isJsonObject } from '../../common/json-schema/json-schema.js';
import { RequestContext } from '../../common/request-context.js';
import { validationFailed } from '../../common/validation-failed.js';
import { Settings } from '../../config/settings.js';
import { Envelope } from '../../http/envelope.js';
import { findVersion } from '../../http/find-version.js';
import { JsonBody } from '../../http/json-body.js';
import { timeLimitOf } from '../../http/time-limit.js';
import { writeJson } from '../../http/write-json.js';
import { RequestObserver } from '../../logging/request-observer.js';
import { type Target } from '../../registry/model-registry.js';
import { PredictionService, type Wishes } from '../prediction.service.js';
import { BatchRequestDto } from './batch.dto.js';
import { predictionEnd, predictionJson, predictionsJson } from './prediction-json.js';

const BATCH = new Envelope(BatchRequestDto);

/**
 * A prediction over HTTP, on whichever route it came. This is the hot path: it reads the body and writes the answer
 * itself, since Nest's pipes, interceptors and serialisation cost as much again as all the rest (see bench/README.md).
 */
@Injectable()
export class PredictHandler {
  constructor(
    private readonly predictions: PredictionService,
    private readonly settings: Settings,
    private readonly body: JsonBody,
    private readonly observer: RequestObserver,
  ) {}

  async predict(target: Target, request: IncomingMessage, response: ServerResponse, wishes?: Wishes): Promise<void> {
    const row = await this.read(request, response);
    const found = findVersion(this.predictions, target, request);
    const resolved = found instanceof Promise ? await found : found;
    const context = RequestContext.of(request);
    context.body = row;
    const [prediction] = await this.predictions.predict(resolved, [row], () => '', context, wishes);
    if (!prediction) throw new Error('one row must have one prediction');
    const answer = predictionJson(prediction, predictionEnd(resolved.version, isoNow()));
    this.answer(request, response, answer, Buffer.byteLength(answer));
  }

  async predictBatch(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.read(request, response);
    const started = performance.now();
    const context = RequestContext.of(request);
    if (context.allowance && isBatch(body)) await context.allowance.take(body.requests.length);
    const resolved = await findVersion(this.predictions, target, request);
    context.body = body;
    const { requests } = isBatch(body) ? body : BATCH.check(body);
    const { MAX_BATCH_SIZE } = this.settings;
    if (requests.length > MAX_BATCH_SIZE) {
      const message = `must hold at most ${MAX_BATCH_SIZE} rows`;
      throw validationFailed([{ path: '/requests', message, code: 'length' }], 'the body');
    }
    const predictions = await this.predictions.predict(resolved, requests, (row) => `/requests/${row}`, context);
    const end = predictionEnd(resolved.version, isoNow());
    const { text, bytes } = predictionsJson(predictions, end);
    const seconds = Math.round((performance.now() - started) * 1000) / 1e6;
    const answer = `{"predictions":[${text}],"batch_size":${predictions.length},"processing_time":${seconds}}`;
    this.answer(request, response, answer, answer.length - text.length + bytes, predictions.length);
  }

  private read(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    this.observer.observe(request, response);
    const context = RequestContext.of(request);
    context.cacheControl = request.headers['cache-control'];
    context.deadline = context.startedAt + timeLimitOf(request, this.settings.REQUEST_TIMEOUT_MS);
    return this.body.read(request);
  }

  /**
   * @param body the text of a PredictionDto, or of a BatchResponseDto of so many rows
   * @param length its bytes in UTF-8
   */
  private answer(
    request: IncomingMessage,
    response: ServerResponse,
    body: string,
    length: number,
    rows?: number,
  ): void {
    const context = RequestContext.of(request);
    const headers = context.headers('application/json; charset=utf-8');
    if (context.cacheUse) pushCacheUse(headers, context.cacheUse, rows);
    const { queueMs, runMs, lookupMs } = context;
    const lookup = lookupMs > 0 ? `lookup;dur=${lookupMs.toFixed(3)}, ` : '';
    headers.push('Server-Timing', `${lookup}queue;dur=${queueMs.toFixed(3)}, run;dur=${runMs.toFixed(3)}`);
    writeJson(response, headers, body, length);
  }
}

/**
 * Whether the answer is from the cache: all of a batch, which also says how many of its rows.
 *
 * @param rows undefined where it is no batch
 */
function pushCacheUse(headers: string[], { hits, ageMs }: CacheUse, rows: number | undefined): void {
  headers.push('X-Cache', hits === (rows ?? 1) ? 'hit' : 'miss');
  if (rows !== undefined) headers.push('X-Cache-Hits', String(hits));
  if (hits > 0) headers.push('Age', String(Math.floor(ageMs / 1000)));
}

/** A batch as it should be, told without class-validator, whose checks take 3 % of a batch of 100. */
function isBatch(body: unknown): body is BatchRequestDto {
  if (!isJsonObject(body) || !Array.isArray(body.requests)) return false;
  return body.requests.length > 0 && Object.keys(body).length === 1;
}
