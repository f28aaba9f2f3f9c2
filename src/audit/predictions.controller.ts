import { type IncomingMessage } from 'node:http';
import { Controller, Get, Param, Query, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { RequestContext } from '../common/request-context.js';
import { ApiProblems } from '../http/api-problems.js';
import { LocalOnly } from '../http/local-only.guard.js';
import { LoggingInterceptor } from '../logging/logging.interceptor.js';
import { ApiOkResponse, ApiOperation, ApiQuery, ApiTags } from '../openapi/decorators.js';
import { Needs } from '../openapi/needs.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { KeptPredictionDto, KeptPredictionListDto } from './kept-prediction.dto.js';
import { KeptPredictions } from './kept-predictions.js';
import { MAX_LIMIT, toModelPage, toRequestPage } from './prediction-query.js';
import { isSampled } from './sample.js';

const ApiLimit = () =>
  ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: 100 },
  });
const ApiPart = (name: string, description: string, schema: object) =>
  ApiQuery({ name, required: false, schema, description });

const ID = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER };
const TIME = { type: 'string', format: 'date-time' };

/** The prediction log. It shows what is personal, so it is for operators alone. */
@ApiTags('Operations')
@Controller('v1')
@Needs('admin')
@UseGuards(LocalOnly)
@UseInterceptors(LoggingInterceptor)
export class PredictionsController {
  constructor(
    private readonly kept: KeptPredictions,
    private readonly registry: ModelRegistry,
  ) {}

  @Get('predictions/:request_id')
  @ApiOperation({
    summary: 'What was predicted for a request',
    description:
      'All rows of it, in the order in which they were kept; of several requests, where they were sent with the same id.',
  })
  @ApiLimit()
  @ApiPart('after', 'The `id` of the last one that was read: what was kept after it', ID)
  @ApiOkResponse({ type: KeptPredictionListDto })
  @ApiProblems('validation_failed', 'forbidden', 'prediction_not_found', 'dependency_unavailable')
  async ofRequest(
    @Param('request_id') id: string,
    @Query() query: Record<string, unknown>,
    @Req() request: IncomingMessage,
  ): Promise<KeptPredictionListDto> {
    const page = toRequestPage(query);
    const caller = RequestContext.of(request);
    const predictions = await this.kept.ofRequest(id, page, caller.principal?.models);
    if (predictions.length === 0 && page.after === undefined) throw this.notFound(id, caller);
    return { predictions: predictions.map((one) => KeptPredictionDto.from(one)) };
  }

  @Get('models/:model/predictions')
  @ApiOperation({ summary: 'What a model predicted, from the newest on' })
  @ApiLimit()
  @ApiPart('before', 'The `id` of the last one that was read: what comes after it in this order', ID)
  @ApiPart('since', 'From then on', TIME)
  @ApiPart('until', 'Before then', TIME)
  @ApiOkResponse({ type: KeptPredictionListDto })
  @ApiProblems('validation_failed', 'forbidden', 'model_not_found', 'dependency_unavailable')
  async ofModel(
    @Param('model') model: string,
    @Query() query: Record<string, unknown>,
    @Req() request: IncomingMessage,
  ): Promise<KeptPredictionListDto> {
    const caller = RequestContext.of(request);
    caller.principal?.checkModel(model);
    const predictions = await this.kept.ofModel(model, toModelPage(query));
    if (predictions.length === 0) this.registry.model(model, caller); // what a model said that is gone may still be there
    return { predictions: predictions.map((one) => KeptPredictionDto.from(one)) };
  }

  /** Says why there may be none: whoever asks should not have to guess. */
  private notFound(id: string, caller: Caller): DomainError {
    const logged = this.registry.visibleTo(caller).flatMap(({ name, spec: { log } }) => (log ? [{ name, log }] : []));
    const left = logged.filter(({ log }) => !isSampled(id, log.sample));
    const sampled = left.map(({ name, log }) => `${name} (${log.sample})`).join(', ');
    const why =
      logged.length === 0
        ? 'No model keeps its predictions: say `log` in its model.yaml.'
        : left.length > 0
          ? `It is not in the sample of ${sampled}.`
          : 'It may have had no prediction, or be older than what is kept.';
    return new DomainError('prediction_not_found', `Nothing is kept of a request with this id. ${why}`);
  }
}
