import { Injectable } from '@nestjs/common';
import { RequestContext } from '../../common/request-context.js';
import { Settings } from '../../config/settings.js';
import { type HttpExchange } from '../../http/exchange.js';
import { type Resolved, type Target } from '../../registry/model-registry.js';
import { PredictionService, validationFailed } from '../prediction.service.js';
import { type BatchRequestDto, type BatchResponseDto } from './batch.dto.js';
import { PredictionDto } from './prediction.dto.js';

/** A prediction over HTTP, on whichever route it came: the data plane's answer as DTOs and headers. */
@Injectable()
export class PredictHandler {
  constructor(
    private readonly predictions: PredictionService,
    private readonly settings: Settings,
  ) {}

  async predict(target: Target, row: unknown, exchange: HttpExchange): Promise<PredictionDto> {
    const resolved = await this.resolve(target, exchange);
    const [prediction] = await this.predictions.predict(resolved, [row], () => '');
    if (!prediction) throw new Error('one row must have one prediction');
    return PredictionDto.from(prediction, resolved.version, new Date().toISOString());
  }

  async predictBatch(target: Target, { requests }: BatchRequestDto, exchange: HttpExchange): Promise<BatchResponseDto> {
    const started = performance.now();
    const { MAX_BATCH_SIZE } = this.settings;
    if (requests.length > MAX_BATCH_SIZE) {
      throw validationFailed([
        { path: '/requests', message: `must hold at most ${String(MAX_BATCH_SIZE)} rows`, code: 'length' },
      ]);
    }
    const resolved = await this.resolve(target, exchange);
    const predictions = await this.predictions.predict(resolved, requests, (row) => `/requests/${String(row)}`);
    const timestamp = new Date().toISOString();
    return {
      predictions: predictions.map((prediction) => PredictionDto.from(prediction, resolved.version, timestamp)),
      batch_size: requests.length,
      processing_time: Number(((performance.now() - started) / 1000).toFixed(6)),
    };
  }

  /** Finds the version that answers, and names it in the log and in the answer's headers, an error's too. */
  private async resolve(target: Target, { request, response }: HttpExchange): Promise<Resolved> {
    const header = request.headers['x-model-version'];
    const headerVersion = typeof header === 'string' && header.trim() !== '' ? header.trim() : undefined;
    const resolved = await this.predictions.resolve({ ...target, headerVersion });
    const context = RequestContext.of(request);
    context.model = resolved.model;
    context.version = resolved.version;
    response.setHeader('X-Model-Name', resolved.model);
    response.setHeader('X-Model-Version', resolved.version);
    return resolved;
  }
}
