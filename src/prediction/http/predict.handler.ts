import { type IncomingMessage, type ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { isoNow } from '../../common/iso-now.js';
import { RequestContext } from '../../common/request-context.js';
import { Settings } from '../../config/settings.js';
import { Envelope } from '../../http/envelope.js';
import { JsonBody } from '../../http/json-body.js';
import { writeJson } from '../../http/write-json.js';
import { RequestObserver } from '../../logging/request-observer.js';
import { type Resolved, type Target } from '../../registry/model-registry.js';
import { PredictionService, validationFailed } from '../prediction.service.js';
import { BatchRequestDto, type BatchResponseDto } from './batch.dto.js';
import { PredictionDto } from './prediction.dto.js';

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

  async predict(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const row = await this.read(request, response);
    const resolved = await this.resolve(target, request, row);
    const [prediction] = await this.predictions.predict(resolved, [row], () => '');
    if (!prediction) throw new Error('one row must have one prediction');
    this.answer(request, response, PredictionDto.from(prediction, resolved.version, isoNow()));
  }

  async predictBatch(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.read(request, response);
    const started = performance.now();
    const resolved = await this.resolve(target, request, body);
    const { requests } = BATCH.check(body);
    const { MAX_BATCH_SIZE } = this.settings;
    if (requests.length > MAX_BATCH_SIZE) {
      const message = `must hold at most ${MAX_BATCH_SIZE} rows`;
      throw validationFailed([{ path: '/requests', message, code: 'length' }]);
    }
    const predictions = await this.predictions.predict(resolved, requests, (row) => `/requests/${row}`);
    const timestamp = isoNow();
    const answer: BatchResponseDto = {
      predictions: predictions.map((prediction) => PredictionDto.from(prediction, resolved.version, timestamp)),
      batch_size: requests.length,
      processing_time: Number(((performance.now() - started) / 1000).toFixed(6)),
    };
    this.answer(request, response, answer);
  }

  private read(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    this.observer.observe(request, response);
    return this.body.read(request);
  }

  /** Finds the version that answers, and names it in the log and in the answer's headers, an error's too. */
  private async resolve(target: Target, request: IncomingMessage, body: unknown): Promise<Resolved> {
    const header = request.headers['x-model-version'];
    const headerVersion = typeof header === 'string' && header.trim() !== '' ? header.trim() : undefined;
    const found = this.predictions.resolve({ ...target, headerVersion });
    const resolved = found instanceof Promise ? await found : found;
    const context = RequestContext.of(request);
    context.body = body;
    context.model = resolved.model;
    context.version = resolved.version;
    return resolved;
  }

  private answer(request: IncomingMessage, response: ServerResponse, body: PredictionDto | BatchResponseDto): void {
    const headers = ['Content-Type', 'application/json; charset=utf-8', ...RequestContext.of(request).headers()];
    writeJson(response, 200, headers, JSON.stringify(body));
  }
}
